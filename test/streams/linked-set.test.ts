import { describe, expect, test } from "bun:test";
import { type Linked, LinkedSet } from "../../src/streams/linked-set.ts";
import { SharedDeadlines } from "../../src/streams/shared-deadlines.ts";
import { eventually } from "../support/eventually.ts";

class Member implements Linked<Member> {
  previousLink: Member | undefined;
  nextLink: Member | undefined;
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

describe("LinkedSet", () => {
  test("LinkedSet keeps order through deletes at either end and in the middle", () => {
    const set = new LinkedSet<Member>();
    const members = ["a", "b", "c", "d", "e"].map((name) => new Member(name));
    for (const member of members) set.add(member);
    const names = (): string => Array.from(set, (member) => member.name).join("");
    expect([names(), set.size]).toEqual(["abcde", 5]);
    for (const index of [2, 0, 4]) {
      const member = members[index];
      if (member === undefined) continue;
      expect(set.delete(member)).toBe(true);
      expect(set.delete(member)).toBe(false);
      expect([member.previousLink, member.nextLink]).toEqual([undefined, undefined]);
    }
    expect([names(), set.size, set.first?.name]).toEqual(["bd", 2, "b"]);
    for (const member of set) set.delete(member);
    expect([names(), set.size, set.first]).toEqual(["", 0, undefined]);
    for (const member of members) set.add(member);
    expect(names()).toBe("abcde");
  });
});

describe("SharedDeadlines", () => {
  test("SharedDeadlines call what is due, in whatever order it was set, and nothing that was met", async () => {
    const deadlines = new SharedDeadlines();
    const due: string[] = [];
    const late = deadlines.set(60_000, () => due.push("late"));
    deadlines.set(30, () => due.push("second"));
    deadlines.set(5, () => due.push("first"));
    const met = deadlines.set(10, () => due.push("met"));
    deadlines.meet(met);
    deadlines.meet(met);
    await eventually(() => expect(due).toEqual(["first", "second"]));
    deadlines.meet(late);
  });
});
