/** An Admission that refuses nothing, for tests of other things. */
import { Layer, Result } from "effect"
import { Admission } from "../../src/domain/ports/Admission.ts"

const yes = Result.succeed<void>(undefined)

export const admission = Admission.of({
  message: (_sender, _conversationId, message) => Result.succeed(message),
  act: () => yes,
  signOut: () => yes,
  undo: () => {},
  join: () => yes,
  arrival: () => yes,
  distrust: () => {},
  connection: () => yes,
  suspect: () => {},
  standing: () => undefined
})

export const layer = Layer.succeed(Admission, admission)
