import type { VNode } from "preact";
import { Field } from "../ui/field";
import type { Identity } from "../wire/types";

const FIELDS = [
  ["user", "User", "headers.spass-user-id", "SPASS-User-Id; empty: the token itself is the user"],
  ["scope", "Scope", "headers.spass-scope-id", "SPASS-Scope-Id: a project, a room, an app; empty: the usual one"],
  ["tenant", "Tenant", "headers.x-tenant-id", "X-Tenant-Id; only a token that is bound to none needs it"],
] as const;

export const NOBODY: Identity = { tenant: "", user: "", scope: "" };

/** Who asks, and where. */
export function IdentityFields({ value, change }: { value: Identity; change: (value: Identity) => void }): VNode {
  return (
    <>
      {FIELDS.map(([name, label, param, hint]) => (
        <Field
          key={name}
          label={label}
          hint={hint}
          control={(tied) => (
            <input
              {...tied}
              type="text"
              autocomplete="off"
              spellcheck={false}
              data-param={param}
              value={value[name]}
              onInput={(event) => change({ ...value, [name]: event.currentTarget.value.trim() })}
            />
          )}
        />
      ))}
    </>
  );
}
