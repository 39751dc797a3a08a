// A set whose links lie in its members.
//
// For members that come and go by the thousand: the runtime's own Set keeps what was deleted until it grows anew, so that
// every short-lived member survives the garbage collector's cheap round and waits for the costly one.

/** What a member provides; only the set writes to it. */
export interface Linked<T> {
  previousLink: T | undefined;
  nextLink: T | undefined;
}

/** Members in the order they were added. Each may be in one such set at a time. */
export class LinkedSet<T extends Linked<T>> implements Iterable<T> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The member added longest ago. */
  get first(): T | undefined {
    return this.#first;
  }

  /** Adds a member that is in no set. */
  add(member: T): void {
    member.previousLink = this.#last;
    if (this.#last === undefined) this.#first = member;
    else this.#last.nextLink = member;
    this.#last = member;
    this.#size += 1;
  }

  /** Whether the member is in this set, provided that it is in no other. */
  has(member: T): boolean {
    return member.previousLink !== undefined || this.#first === member;
  }

  /** Takes a member out; false where it was not in. */
  delete(member: T): boolean {
    if (!this.has(member)) return false;
    const { previousLink, nextLink } = member;
    if (previousLink === undefined) this.#first = nextLink;
    else previousLink.nextLink = nextLink;
    if (nextLink === undefined) this.#last = previousLink;
    else nextLink.previousLink = previousLink;
    member.previousLink = undefined;
    member.nextLink = undefined;
    this.#size -= 1;
    return true;
  }

  /** The member that is visited may be deleted meanwhile. */
  *[Symbol.iterator](): Generator<T, void> {
    let next: T | undefined;
    for (let member = this.#first; member !== undefined; member = next) {
      next = member.nextLink;
      yield member;
    }
  }
}
