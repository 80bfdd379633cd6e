// What is heard while it rings: made here, so that no file is needed. A call of ours has its ringing from the server.
let context = null;
let timer = 0;

/** Two soft strokes every three seconds, until [`quiet`]. */
export function ring() {
  quiet();
  context ??= new AudioContext();
  context.resume().catch(() => {});
  const strokes = () => { stroke(0, 587); stroke(0.28, 784); };
  strokes();
  timer = setInterval(strokes, 3_000);
}

export function quiet() {
  clearInterval(timer);
  timer = 0;
}

function stroke(after, hz) {
  const start = context.currentTime + after;
  const gain = context.createGain();
  gain.gain.setValueAtTime(0.0001, start);
  gain.gain.exponentialRampToValueAtTime(0.18, start + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.9);
  gain.connect(context.destination);
  for (const [multiple, share] of [[1, 1], [2, 0.35], [3, 0.12]]) {
    const tone = context.createOscillator();
    const part = context.createGain();
    tone.frequency.value = hz * multiple;
    part.gain.value = share;
    tone.connect(part).connect(gain);
    tone.start(start);
    tone.stop(start + 1);
  }
}
