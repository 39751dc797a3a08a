// The SFTP server of a run: one request after the other, so that a slow client or disk holds back the sender.
import type { ServerChannel } from "ssh2";
import { systemErrorCode } from "../../domain/errors.ts";
import type { RunFolder } from "./run-folder.ts";
import {
  encodeAttributes,
  encodeLongNumber,
  encodeName,
  encodeNumber,
  encodePacket,
  encodeText,
  MAX_PACKET_BYTES,
  PacketReader,
  PacketSplitter,
  REPLY,
  REQUEST,
  STATUS,
} from "./sftp-codec.ts";
import { SftpError, SftpFiles } from "./sftp-files.ts";

/** Bytes in one read or write: a packet without its head. */
const MAX_DATA_BYTES = MAX_PACKET_BYTES - 1024;

const EXTENSIONS = {
  "posix-rename@openssh.com": "1",
  "statvfs@openssh.com": "2",
  "hardlink@openssh.com": "1",
  "fsync@openssh.com": "1",
  "limits@openssh.com": "1",
  "expand-path@openssh.com": "1",
} as const;

/** Serves one session until the client ends it. */
export function serveSftp(channel: ServerChannel, folder: RunFolder, home: string): void {
  const files = new SftpFiles(folder, home);
  channel.on("error", () => channel.destroy());
  const finish = async (code: number): Promise<void> => {
    await files.closeAll();
    if (channel.destroyed) return;
    channel.exit(code);
    channel.end();
  };
  serve(channel, files).then(
    () => finish(0),
    // A packet that cannot be read leaves no way to go on.
    () => finish(1),
  );
}

async function serve(channel: ServerChannel, files: SftpFiles): Promise<void> {
  const splitter = new PacketSplitter();
  // Not `for await` over the channel: that would destroy it, and with it the exit status, at the end.
  for await (const chunk of channel.iterator({ destroyOnReturn: false })) {
    for (const packet of splitter.split(chunk)) {
      const reply = await answer(new PacketReader(packet), files);
      if (!channel.write(reply)) await waitForRoom(channel);
      if (channel.destroyed) return;
    }
  }
}

/** Until the client took what it was sent, or went away. */
function waitForRoom(channel: ServerChannel): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      channel.off("drain", finish).off("close", finish);
      resolve();
    };
    channel.once("drain", finish).once("close", finish);
  });
}

async function answer(packet: PacketReader, files: SftpFiles): Promise<Buffer> {
  const type = packet.byte();
  // For `init` this is the client's version, which we need not know: there is only ours.
  const id = packet.number();
  if (type === REQUEST.init) return encodeVersion();
  try {
    return await perform(type, id, packet, files);
  } catch (error) {
    const [status, message] = toStatus(error);
    return encodeStatus(id, status, message);
  }
}

function encodeVersion(): Buffer {
  const extensions = Object.entries(EXTENSIONS).flatMap(([name, version]) => [encodeText(name), encodeText(version)]);
  return encodePacket(REPLY.version, encodeNumber(3), ...extensions);
}

function encodeStatus(id: number, status: number, message: string): Buffer {
  return encodePacket(REPLY.status, encodeNumber(id), encodeNumber(status), encodeText(message), encodeText(""));
}

type Request = { readonly id: number; readonly packet: PacketReader; readonly files: SftpFiles };

/** What each request does; one that gives no packet back is answered with OK. */
const ACTIONS: Readonly<Record<number, (request: Request) => Promise<unknown>>> = {
  [REQUEST.open]: async ({ id, packet, files }) => {
    const [path, flags, attributes] = [packet.text(), packet.number(), packet.attributes()];
    return encodePacket(REPLY.handle, encodeNumber(id), encodeText(await files.open(path, flags, attributes.mode)));
  },
  [REQUEST.close]: ({ packet, files }) => files.close(packet.text()),
  [REQUEST.read]: async ({ id, packet, files }) => {
    const [handle, offset, length] = [packet.text(), packet.longNumber(), packet.number()];
    const bytes = await files.read(handle, offset, Math.min(length, MAX_DATA_BYTES));
    if (bytes.length === 0 && length > 0) throw new SftpError(STATUS.endOfFile, "End of file");
    return encodePacket(REPLY.data, encodeNumber(id), encodeNumber(bytes.length), bytes);
  },
  [REQUEST.write]: ({ packet, files }) => files.write(packet.text(), packet.longNumber(), packet.blob()),
  [REQUEST.stat]: async ({ id, packet, files }) => encodeStats(id, await files.stat(packet.text())),
  [REQUEST.lstat]: async ({ id, packet, files }) => encodeStats(id, await files.lstat(packet.text())),
  [REQUEST.fstat]: async ({ id, packet, files }) => encodeStats(id, await files.fstat(packet.text())),
  [REQUEST.setstat]: ({ packet, files }) => files.change(packet.text(), packet.attributes()),
  [REQUEST.fsetstat]: ({ packet, files }) => files.changeOpen(packet.text(), packet.attributes()),
  [REQUEST.opendir]: async ({ id, packet, files }) =>
    encodePacket(REPLY.handle, encodeNumber(id), encodeText(await files.openFolder(packet.text()))),
  [REQUEST.readdir]: async ({ id, packet, files }) => {
    const entries = await files.readFolder(packet.text());
    if (entries.length === 0) throw new SftpError(STATUS.endOfFile, "End of folder");
    return encodeNames(
      id,
      entries.map((entry) => encodeName(entry.name, entry.stats)),
    );
  },
  [REQUEST.remove]: ({ packet, files }) => files.remove(packet.text()),
  [REQUEST.mkdir]: ({ packet, files }) => files.makeFolder(packet.text(), packet.attributes().mode),
  [REQUEST.rmdir]: ({ packet, files }) => files.removeFolder(packet.text()),
  [REQUEST.realpath]: async ({ id, packet, files }) =>
    encodeNames(id, [encodeName(await files.resolve(packet.text()))]),
  [REQUEST.rename]: ({ packet, files }) => files.rename(packet.text(), packet.text(), false),
  [REQUEST.readlink]: async ({ id, packet, files }) =>
    encodeNames(id, [encodeName(await files.readLink(packet.text()))]),
  // OpenSSH sends the target first, against the draft, and everybody followed.
  [REQUEST.symlink]: ({ packet, files }) => files.link(packet.text(), packet.text()),
  [REQUEST.extended]: (request) => performExtended(request.packet.text(), request),
};

async function perform(type: number, id: number, packet: PacketReader, files: SftpFiles): Promise<Buffer> {
  const action = ACTIONS[type];
  if (action === undefined) throw new SftpError(STATUS.unsupported, "Operation unsupported");
  const reply = await action({ id, packet, files });
  return Buffer.isBuffer(reply) ? reply : encodeStatus(id, STATUS.ok, "Success");
}

async function performExtended(name: string, { id, packet, files }: Request): Promise<unknown> {
  switch (name) {
    case "posix-rename@openssh.com":
      return files.rename(packet.text(), packet.text(), true);
    case "hardlink@openssh.com":
      return files.hardLink(packet.text(), packet.text());
    case "fsync@openssh.com":
      return files.sync(packet.text());
    case "expand-path@openssh.com":
      return encodeNames(id, [encodeName(await files.expand(packet.text()))]);
    case "limits@openssh.com": {
      const limits = [MAX_PACKET_BYTES, MAX_DATA_BYTES, MAX_DATA_BYTES, 0].map(encodeLongNumber);
      return encodePacket(REPLY.extended, encodeNumber(id), ...limits);
    }
    case "statvfs@openssh.com": {
      const { bsize, blocks, bfree, bavail, files: nodes, ffree } = await files.space(packet.text());
      const numbers = [bsize, bsize, blocks, bfree, bavail, nodes, ffree, ffree, 0, 0, 255];
      return encodePacket(
        REPLY.extended,
        encodeNumber(id),
        ...numbers.map((number) => encodeLongNumber(Number(number))),
      );
    }
    default:
      throw new SftpError(STATUS.unsupported, "Operation unsupported");
  }
}

function encodeStats(id: number, stats: Parameters<typeof encodeAttributes>[0]): Buffer {
  return encodePacket(REPLY.attributes, encodeNumber(id), encodeAttributes(stats));
}

function encodeNames(id: number, names: readonly Buffer[]): Buffer {
  return encodePacket(REPLY.name, encodeNumber(id), encodeNumber(names.length), ...names);
}

function toStatus(error: unknown): readonly [number, string] {
  if (error instanceof SftpError) return [error.status, error.message];
  if (error instanceof RangeError) return [STATUS.badMessage, "Bad message"];
  switch (systemErrorCode(error)) {
    case "ENOENT":
    case "ENOTDIR":
      return [STATUS.noSuchFile, "No such file"];
    case "EACCES":
    case "EPERM":
      return [STATUS.permissionDenied, "Permission denied"];
    case undefined:
      return [STATUS.failure, "Failure"];
    default:
      return [STATUS.failure, error instanceof Error ? error.message : "Failure"];
  }
}
