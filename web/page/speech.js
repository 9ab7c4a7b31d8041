/** The microphone, where the browser has speech recognition. `onText(text)` with what was heard until now. */
export function prepareSpeech(button, { onText, onState, onError }) {
  const Recognition = globalThis.SpeechRecognition ?? globalThis.webkitSpeechRecognition;
  if (!Recognition) return false;
  let running = null;
  button.hidden = false;
  button.onclick = () => {
    if (running) return running.stop();
    running = new Recognition();
    running.lang = "zh-CN";
    running.interimResults = true;
    running.onresult = (event) => onText(Array.from(event.results, (result) => result[0].transcript).join(""));
    running.onerror = (event) => event.error !== "aborted" && onError(event.error);
    running.onend = () => {
      running = null;
      button.setAttribute("aria-pressed", "false");
      onState(false);
    };
    button.setAttribute("aria-pressed", "true");
    onState(true);
    return running.start();
  };
  return true;
}
