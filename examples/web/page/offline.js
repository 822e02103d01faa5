/** Works without a network: the service worker that keeps what was loaded. */

const LONGEST_WAIT = 5000;

/**
 * Resolves once the service worker sees the page's requests, so that what is loaded
 * from now on is kept; or when there will be none.
 *
 * @returns {Promise<boolean>} whether what is loaded is kept.
 */
export async function keep() {
  if (!navigator.serviceWorker) return false; // an insecure page, a private window
  try {
    await navigator.serviceWorker.register("sw.js");
  } catch {
    return navigator.serviceWorker.controller !== null;
  }
  if (navigator.serviceWorker.controller) return true;
  return new Promise((resolve) => {
    const late = setTimeout(resolve, LONGEST_WAIT, false);
    navigator.serviceWorker.addEventListener(
      "controllerchange",
      () => {
        clearTimeout(late);
        resolve(true);
      },
      { once: true },
    );
  });
}
