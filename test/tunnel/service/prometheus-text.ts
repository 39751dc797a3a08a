// Reads the text format of Prometheus, version 0.0.4, as strictly as its own tools do, and lints names and order.

/** One sample. */
export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

/** All samples. Throws for whatever `promtool check metrics` would complain about. */
export function parseMetrics(text: string): readonly Sample[] {
  if (!text.endsWith("\n")) throw new Error("The last line has no end");
  const samples: Sample[] = [];
  const seen = new Set<string>();
  const families = new Map<string, string>();
  let helped = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const help = /^# HELP ([a-z_]+) (\S.*\.)$/.exec(line);
    const type = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line);
    if (help !== null) helped = help[1] ?? "";
    else if (type !== null) addFamily(families, type[1] ?? "", type[2] ?? "", helped);
    else {
      const sample = parseSample(line);
      const family = [...families.keys()].at(-1) ?? "";
      const isOfFamily =
        families.get(family) === "histogram"
          ? [`${family}_bucket`, `${family}_sum`, `${family}_count`].includes(sample.name)
          : sample.name === family;
      if (!isOfFamily) throw new Error(`${sample.name} stands in family ${family}`);
      const identity = `${sample.name} ${JSON.stringify(sample.labels)}`;
      if (seen.has(identity)) throw new Error(`Twice: ${line}`);
      seen.add(identity);
      samples.push(sample);
    }
  }
  return samples;
}

function addFamily(families: Map<string, string>, name: string, type: string, helped: string): void {
  if (families.has(name)) throw new Error(`Family ${name} comes twice`);
  if (helped !== name) throw new Error(`Family ${name} has no help`);
  if ((type === "counter") !== name.endsWith("_total")) throw new Error(`${name} is a ${type}`);
  if (/_(ms|milliseconds|minutes|kib|kilobytes)(_|$)/.test(name)) throw new Error(`${name} has no base unit`);
  families.set(name, type);
}

function parseSample(line: string): Sample {
  const match = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:\\[\\"n]|[^\\"\n])*",?)*)\})? (\S+)$/.exec(line);
  if (match === null || match[2]?.endsWith(",") === true) throw new Error(`No sample: ${line}`);
  const labels = Object.fromEntries(
    [...(match[2] ?? "").matchAll(/([a-z_]+)="((?:\\.|[^\\"])*)"/g)].map(([, name = "", value = ""]) => [
      name,
      value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped)),
    ]),
  );
  const value = Number(match[3]);
  if (Number.isNaN(value)) throw new Error(`No number: ${line}`);
  return { name: match[1] ?? "", labels, value };
}
