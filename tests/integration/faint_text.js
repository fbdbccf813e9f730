/* Text that stands out less than WCAG 2 asks for (4.5 to 1), in the colours that are chosen now: a
 * line each. */
(() => {
  const parts = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) =>
      parts(color)
          .slice(0, 3)
          .map((part) => part / 255)
          .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
          .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if ((parts(color)[3] ?? 1) === 1) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const ratio = (one) => {
    const [low, high] =
        [luminance(getComputedStyle(one).color), luminance(ground(one))].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const hasText = (one) => [...one.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  return [...document.body.querySelectorAll("*:not(svg *, script)")]
      .filter((one) => hasText(one) && one.checkVisibility() && ratio(one) < 4.5)
      .map((one) => `${ratio(one).toFixed(2)} ${one.outerHTML.slice(0, 200)}`)
      .join("\n");
})()
