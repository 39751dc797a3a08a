// Gives Bun's executable for Windows our name, version and icon. Bun's compiler can do that on Windows only, and a
// compiled executable has a section behind the resources, so it is done to the runtime before compiling.
import { Data, NtExecutable, NtExecutableResource, Resource } from "resedit";
import { drawIcon } from "./icon.ts";

/** What the file's properties are to say. */
export type WindowsProperties = {
  readonly version: string;
  readonly description: string;
  readonly copyright: string;
};

/** English (United States), Unicode: VarFileInfo of winver.h. */
const LANGUAGE = { lang: 1033, codepage: 1200 } as const;

/** The executable with other resources. Bun's signature does not survive; the release is not signed. */
export function brandExecutable(executable: Uint8Array, properties: WindowsProperties): Uint8Array {
  const file = NtExecutable.from(executable, { ignoreCert: true });
  const resources = NtExecutableResource.from(file);
  const [version] = Resource.VersionInfo.fromEntries(resources.entries);
  const [icons] = Resource.IconGroupEntry.fromEntries(resources.entries);
  if (version === undefined || icons === undefined) throw new Error("The runtime has no version or icon to replace");
  const [major = 0, minor = 0, patch = 0] = properties.version.split(/[.-]/).map(Number);
  version.setFileVersion(major, minor, patch, 0, LANGUAGE.lang);
  version.setProductVersion(major, minor, patch, 0, LANGUAGE.lang);
  version.setStringValues(LANGUAGE, {
    ProductName: "runtunnel",
    FileDescription: properties.description,
    CompanyName: "runtunnel",
    LegalCopyright: properties.copyright,
    InternalName: "runtunnel",
    OriginalFilename: "runtunnel.exe",
    FileVersion: properties.version,
    ProductVersion: properties.version,
  });
  version.outputToResourceEntries(resources.entries);
  const images = Data.IconFile.from(toArrayBuffer(drawIcon())).icons.map((icon) => icon.data);
  Resource.IconGroupEntry.replaceIconsForResource(resources.entries, icons.id, icons.lang, images);
  resources.outputResource(file);
  return new Uint8Array(file.generate());
}

function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
