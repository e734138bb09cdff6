/** The element of the page that has this ID. */
export function byId<Type extends HTMLElement>(id: string): Type {
  return document.getElementById(id) as Type;
}

/** A new element that holds `children`. Texts are texts, whatever is in them. */
export function element(tag: string, className: string, ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

/** A box to tick. `onChange` is told whether it is ticked. */
export function checkbox(
  isChecked: boolean,
  onChange: (isChecked: boolean) => void,
  ...label: (Node | string)[]
): HTMLElement {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = isChecked;
  box.addEventListener("change", () => onChange(box.checked));
  return element("label", "", box, ...label);
}

export function swatch(colour: string, isLine = false): HTMLElement {
  const made = element("span", isLine ? "swatch line" : "swatch");
  made.style.background = colour;
  return made;
}
