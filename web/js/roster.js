/**
 * Who exists in this demo, and what they are called. The service knows user ids only; names live here, in the
 * browser. The four people to begin with have the same ids everywhere, so two browsers mean the same Alice.
 */
import { uuid } from "./ids.js"
import { onRemembered, recall, remember } from "./storage.js"

const KEY = "people"
const HUES = 8
const MAX_NAME = 40

const founders = [
  { id: "a11ce000-0000-4000-8000-000000000001", name: "Alice" },
  { id: "b0b00000-0000-4000-8000-000000000002", name: "Bob" },
  { id: "ca401000-0000-4000-8000-000000000003", name: "Carol" },
  { id: "da700000-0000-4000-8000-000000000004", name: "Dan" }
]

const isPerson = (value) => typeof value?.id === "string" && typeof value?.name === "string"

const load = () => {
  const stored = recall(KEY)
  const known = Array.isArray(stored) ? stored.filter(isPerson) : []
  return new Map([...founders, ...known].map((person) => [person.id, person]))
}

let everyone = load()
const listeners = new Set()
const announce = () => listeners.forEach((listener) => listener())

onRemembered(KEY, () => {
  everyone = load()
  announce()
})

export const people = () => [...everyone.values()]

export const personById = (id) => everyone.get(id)

export const personByName = (name) =>
  people().find((person) => person.name.toLowerCase() === name.trim().toLowerCase())

/** Makes a person, or renames one when an id is given. Answers the person. */
export const addPerson = (name, id = uuid()) => {
  const person = { id, name: name.trim().slice(0, MAX_NAME) }
  everyone.set(id, person)
  remember(KEY, people())
  announce()
  return person
}

/** The name of a user id; people met from another browser get a short name made from their id. */
export const nameOf = (id) => everyone.get(id)?.name ?? `Guest ${id.slice(0, 4)}`

/** A number from 0 to 7, always the same for the same id: which colour stands for this person. */
export const hueOf = (id) => Number.parseInt(id.slice(-4), 16) % HUES

export const onRosterChange = (listener) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
