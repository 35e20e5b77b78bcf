// Services and servers changed one by one: what is asked for becomes a change of the text, which is validated whole.

import { DirectorError } from "../errors.ts";
import { type ChangeOptions, type Keeper, placeOf } from "./keeper.ts";
import type { MadeChange } from "./planned-change.ts";
import type { Edit, Place } from "./written.ts";

/** Keys and values as in the file; null removes a key. */
export type Fields = Readonly<Record<string, unknown>>;

/** Which server of which service: its address, or address and port. */
export interface ServerName {
  readonly name: string;
  readonly endpoint: string;
}

const LARGEST_WEIGHT = 65_535;

/** Adds a service; its fields have its `name` besides. */
export function addService(keeper: Keeper, { name, ...fields }: Fields, options: ChangeOptions): MadeChange {
  if (typeof name !== "string") {
    throw new DirectorError("YM_API_BODY", "adding a service: it has no name", { hint: 'write "name": "web" beside' });
  }
  if (hasService(keeper, name)) {
    throw new DirectorError("YM_CHANGE_EXISTS", `adding service "${name}": there is one already`);
  }
  const value = "servers" in fields ? fields : { ...fields, servers: [] };
  return keeper.edit([{ do: "set", place: ["services", name], value }], options);
}

/** Gives a service other fields. */
export function editService(keeper: Keeper, name: string, fields: Fields, options: ChangeOptions): MadeChange {
  const service = keeper.service(name);
  return keeper.edit(editsOf(["services", service.name], fields), options);
}

/** Removes a service. */
export function removeService(keeper: Keeper, name: string, options: ChangeOptions): MadeChange {
  const service = keeper.service(name);
  return keeper.edit([{ do: "delete", place: ["services", service.name] }], options);
}

/** Adds a server to the end of a service's list. */
export function addServer(keeper: Keeper, name: string, fields: Fields, options: ChangeOptions): MadeChange {
  const service = keeper.service(name);
  return keeper.edit([{ do: "append", place: ["services", service.name, "servers"], value: fields }], options);
}

/** Gives a server other fields. */
export function editServer(
  keeper: Keeper,
  { name, endpoint }: ServerName,
  fields: Fields,
  options: ChangeOptions,
): MadeChange {
  const place = keeper.server(name, endpoint);
  const { weight } = fields;
  const isWeight = typeof weight === "number" && Number.isInteger(weight) && weight >= 0 && weight <= LARGEST_WEIGHT;
  if (isWeight && Object.keys(fields).length === 1) return keeper.setWeight(place, weight, options);
  return keeper.edit(editsOf(placeOf(place), fields), options);
}

/** Removes a server from a service: it drains, as the service says. */
export function removeServer(keeper: Keeper, { name, endpoint }: ServerName, options: ChangeOptions): MadeChange {
  return keeper.edit([{ do: "delete", place: placeOf(keeper.server(name, endpoint)) }], options);
}

function editsOf(place: Place, fields: Fields): readonly Edit[] {
  return Object.entries(fields).map(([key, value]): Edit => {
    if (value === null) return { do: "delete", place: [...place, key] };
    return { do: "set", place: [...place, key], value };
  });
}

function hasService(keeper: Keeper, name: string): boolean {
  try {
    return keeper.service(name) !== undefined;
  } catch (error) {
    if (error instanceof DirectorError) return false;
    throw error;
  }
}
