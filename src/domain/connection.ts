// How programs of the user's connect through a tunnel.

/** Address, login, command lines and URLs; files are paths on this machine. */
export type Connection = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Alias that SSH clients know; absent where passwordless SSH is not set up. */
  readonly alias?: string;
  readonly identityFile?: string;
  readonly ppkFile?: string;
  /** Names of the SSH clients that know the alias. */
  readonly clients: readonly string[];
  readonly commands: {
    readonly ssh: string;
    readonly sftp: string;
    readonly upload: string;
    readonly download: string;
    readonly rsync: string;
  };
  readonly urls: { readonly ssh: string; readonly sftp: string; readonly vscode: string };
};
