// FileZilla's Site Manager file (sitemanager.xml, as FileZilla 3.6x exports and imports it). Pure.

/** One SFTP site with a key file. */
export type FileZillaSite = {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Absolute path of a PPK or OpenSSH key; absent: FileZilla asks for a password. */
  readonly keyFile?: string;
};

/** FileZilla's number of the SFTP protocol. */
const PROTOCOL_SFTP = 1;
/** Log-on types: ask for the password, key file. */
const LOGON_ASK = 2;
const LOGON_KEY_FILE = 5;

/** The whole file. */
export function renderFileZillaSites(sites: readonly FileZillaSite[]): string {
  const servers = sites.map(renderSite).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>\n<FileZilla3 version="3.63.0" platform="*nix">\n\t<Servers>\n${servers}\t</Servers>\n</FileZilla3>\n`;
}

function renderSite(site: FileZillaSite): string {
  const fields: readonly (readonly [string, string | number])[] = [
    ["Host", site.host],
    ["Port", site.port],
    ["Protocol", PROTOCOL_SFTP],
    ["Type", 0],
    ["User", site.user],
    ...(site.keyFile === undefined ? [] : [["Keyfile", site.keyFile] as const]),
    ["Logontype", site.keyFile === undefined ? LOGON_ASK : LOGON_KEY_FILE],
    ["EncodingType", "Auto"],
    ["BypassProxy", 1],
    ["Name", site.name],
    ["SyncBrowsing", 0],
    ["DirectoryComparison", 0],
  ];
  const lines = fields.map(([tag, value]) => `\t\t\t<${tag}>${escapeXml(String(value))}</${tag}>\n`).join("");
  return `\t\t<Server>\n${lines}\t\t</Server>\n`;
}

function escapeXml(text: string): string {
  return (
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no place for them
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "")
  );
}
