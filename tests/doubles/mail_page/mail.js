// Shows what is new by itself, unless somebody is writing: then it says so.
const { who, count } = document.body.dataset;
const news = /** @type {HTMLElement} */ (document.getElementById("news"));

function writing() {
  return [...document.querySelectorAll("textarea, input")].some(
    (field) => /** @type {HTMLInputElement} */ (field).value !== "",
  );
}

async function look() {
  const answer = await fetch(`/${who}/count`).catch(() => null);
  if (answer?.ok && String(await answer.json()) !== count) {
    if (!writing()) {
      location.replace(`/${who}?${Date.now()}#last`);
      return;
    }
    news.hidden = false;
  }
  setTimeout(look, 1000);
}

setTimeout(look, 1000);
