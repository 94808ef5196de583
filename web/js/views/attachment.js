/** What is attached to a message: its name and its kind. The media themselves are another service's business. */
import { h, icon } from "../dom.js"

const kinds = {
  image: { icon: "image", word: "Image" },
  video: { icon: "play", word: "Video" },
  audio: { icon: "audio", word: "Audio" },
  document: { icon: "file", word: "Document" }
}

const nameOf = ({ metadata = {} }) =>
  [metadata.name, metadata.filename, metadata.title].find((name) => typeof name === "string" && name !== "")

export const attachmentView = (attachment) => {
  const kind = kinds[attachment.media_type] ?? kinds.document
  const name = nameOf(attachment)
  const element = h(
    "li",
    { class: "attachment" },
    icon(kind.icon),
    h("span", { class: "attachment-name" }, name ?? kind.word),
    name === undefined ? undefined : h("span", { class: "kind" }, kind.word)
  )
  // What is attached never changes.
  return { element, update: () => {} }
}
