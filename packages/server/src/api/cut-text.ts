/** Of a text in a line that comes from a request, such as a user's name: whoever sends long ones must not push out other lines. */
const MAX_SUBJECT_CHARS = 1024;

export function cutText(text: string): string {
  return text.slice(0, MAX_SUBJECT_CHARS);
}
