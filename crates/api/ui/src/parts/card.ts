// Puts a card below the button that opens it, within the window.

const MARGIN = 12;

export function placeCard(button: HTMLElement | null, card: HTMLElement | null): void {
  const from = button?.getBoundingClientRect();
  if (!from || !card) return;
  const left = Math.min(from.left, window.innerWidth - card.offsetWidth - MARGIN);
  const below = from.bottom + 6;
  const highest = Math.max(MARGIN, window.innerHeight - card.offsetHeight - MARGIN);
  card.style.left = `${Math.max(MARGIN, left)}px`;
  card.style.top = `${Math.min(below, highest)}px`;
}
