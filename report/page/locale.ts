/** uPlot fails at once if the browser's language is not one that Intl knows. Chromium's is `en-US@posix` in a C locale. */

try {
  Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en-US" });
}
