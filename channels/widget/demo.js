// @ts-check
// The demo shop talks to the widget as any site would: through `window.switchboard`.

for (const asking of document.querySelectorAll('[data-ask]')) {
  asking.addEventListener('click', () => {
    const chat = /** @type {any} */ (window).switchboard;
    chat?.open();
    chat?.send(asking.getAttribute('data-ask'));
  });
}
