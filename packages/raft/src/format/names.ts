import { EntryType, MessageType, StateType } from "../types.ts";

function namesByNumber(values: Readonly<Record<string, number>>): readonly string[] {
  const names: string[] = [];
  for (const [name, value] of Object.entries(values)) names[value] = name;
  return names;
}

const ENTRY_TYPES = namesByNumber(EntryType);
const MESSAGE_TYPES = namesByNumber(MessageType);
const STATE_TYPES = namesByNumber(StateType);

export function entryTypeName(type: EntryType): string {
  return ENTRY_TYPES[type] ?? String(type);
}

export function messageTypeName(type: MessageType): string {
  return MESSAGE_TYPES[type] ?? String(type);
}

export function stateName(state: StateType): string {
  return STATE_TYPES[state]!;
}

/** The type of that name, or undefined. */
export function messageTypeOf(name: string): MessageType | undefined {
  return (MessageType as Readonly<Record<string, MessageType>>)[name];
}
