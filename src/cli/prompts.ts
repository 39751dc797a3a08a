// What commands may ask a person at a terminal. Implemented in src/terminal-prompts.ts; tests bring their own answers.

/** One thing to choose. */
export type Choice = {
  readonly value: string;
  readonly label: string;
  /** A few words beside the label. */
  readonly hint?: string;
};

/** A question with a typed answer. */
export type TextQuestion = {
  readonly message: string;
  /** What an empty answer means, shown dimmed. */
  readonly fallback?: string;
  /** What is wrong with an answer, or undefined. */
  readonly check?: (answer: string) => string | undefined;
};

/** Questions, one at a time. Each throws InterruptedError when the person gives up. */
export interface Prompts {
  /** Characters that a choice may have on one line. */
  readonly width: number;
  /** One of a few. */
  choose(message: string, choices: readonly Choice[]): Promise<string>;
  /** One of many: typing narrows the list. */
  search(message: string, choices: readonly Choice[]): Promise<string>;
  text(question: TextQuestion): Promise<string>;
  /** The same without showing what is typed. */
  secret(question: Omit<TextQuestion, "fallback">): Promise<string>;
  confirm(message: string): Promise<boolean>;
}
