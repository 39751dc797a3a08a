// One field of a form, with its label and what to know about it.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

type TextFieldProps = {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly hint?: ComponentChildren;
  readonly placeholder?: string;
  readonly isRequired?: boolean;
  readonly isNumeric?: boolean;
  /** Where typing begins in a dialog. */
  readonly isFirst?: boolean;
};

/** A line of text. */
export function TextField({
  hint,
  isFirst,
  isNumeric,
  isRequired,
  label,
  onChange,
  placeholder,
  value,
}: TextFieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        {...(placeholder === undefined ? {} : { placeholder })}
        {...(isRequired === true ? { required: true } : {})}
        {...(isFirst === true ? { "data-focus": true } : {})}
        {...(isNumeric === true ? { inputMode: "numeric" as const } : {})}
        {...(hint === undefined ? {} : { "aria-describedby": `${id}-hint` })}
      />
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

type ChoiceFieldProps<Value extends string> = {
  readonly label: string;
  readonly value: Value;
  readonly choices: readonly (readonly [Value, string])[];
  readonly onChange: (value: Value) => void;
};

/** One of several. */
export function ChoiceField<Value extends string>({ choices, label, onChange, value }: ChoiceFieldProps<Value>) {
  const id = useId();
  const choose = (name: string): void => {
    const choice = choices.find(([known]) => known === name);
    if (choice !== undefined) onChange(choice[0]);
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => choose(event.currentTarget.value)}>
        {choices.map(([name, title]) => (
          <option value={name} key={name}>
            {title}
          </option>
        ))}
      </select>
    </div>
  );
}

type SwitchFieldProps = {
  readonly label: string;
  readonly isOn: boolean;
  readonly onChange: (isOn: boolean) => void;
  readonly hint?: string;
};

/** On or off. */
export function SwitchField({ hint, isOn, label, onChange }: SwitchFieldProps) {
  const id = useId();
  return (
    <div class="field switch">
      <input
        id={id}
        type="checkbox"
        checked={isOn}
        onChange={(event) => onChange(event.currentTarget.checked)}
        {...(hint === undefined ? {} : { "aria-describedby": `${id}-hint` })}
      />
      <label for={id}>{label}</label>
      {hint !== undefined && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}
