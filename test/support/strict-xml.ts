// Reads XML strictly, for files that others will read: every element closed in order, every character allowed.

/** An element with its text, or with its children. */
export type XmlElement = {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  readonly text: string;
};

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** The root element. Throws for anything that is not well-formed. */
export function parseXml(source: string): XmlElement {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: characters that XML forbids
  const bad = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.exec(source);
  if (bad !== null) throw new Error(`Forbidden character at ${bad.index}`);
  const body = source
    .replace(/^<\?xml version="1\.0" encoding="[\w-]+"\?>\n/, "")
    .replace(/^<!DOCTYPE [^>]+>\n/, "")
    .replaceAll(/<!--(?:(?!--)[\s\S])*-->\n?/g, "");
  const { element, end } = readElement(body, 0);
  if (body.slice(end).trim() !== "") throw new Error(`Something follows the root element: ${body.slice(end)}`);
  return element;
}

function readElement(source: string, at: number): { readonly element: XmlElement; readonly end: number } {
  const tag = /<([A-Za-z][\w.]*)((?: [A-Za-z][\w:]*="[^"<]*")*) ?(\/?)>/y;
  tag.lastIndex = at;
  const match = tag.exec(source);
  if (match === null) throw new Error(`No element at ${source.slice(at, at + 40)}`);
  const [, name = "", attributeText = "", slash] = match;
  const attributes = Object.fromEntries(
    [...attributeText.matchAll(/ ([\w:]+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, decodeEntities(value)]),
  );
  let position = tag.lastIndex;
  if (slash === "/") return { element: { name, attributes, children: [], text: "" }, end: position };
  const children: XmlElement[] = [];
  let text = "";
  while (!source.startsWith(`</${name}>`, position)) {
    if (position >= source.length) throw new Error(`<${name}> is not closed`);
    if (source[position] === "<") {
      const child = readElement(source, position);
      children.push(child.element);
      position = child.end;
    } else {
      const next = source.indexOf("<", position);
      text += source.slice(position, next < 0 ? source.length : next);
      position = next < 0 ? source.length : next;
    }
  }
  if (children.length > 0 && text.trim() !== "") throw new Error(`<${name}> mixes text and elements`);
  return { element: { name, attributes, children, text: decodeEntities(text) }, end: position + name.length + 3 };
}

function decodeEntities(text: string): string {
  return text.replaceAll(/&([^;]*);?/g, (whole, name: string) => {
    const value = ENTITIES[name];
    if (value === undefined || !whole.endsWith(";")) throw new Error(`Unknown entity ${whole}`);
    return value;
  });
}
