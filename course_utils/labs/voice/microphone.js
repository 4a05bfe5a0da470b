const TAP = `registerProcessor('tap', class extends AudioWorkletProcessor {
  process([input]) { if (input.length) this.port.postMessage(input[0].slice()); return true; }
});`;
const PLAIN = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const ELSE = 'You can record with any other program, too, and read the file: datasets.read_sound(path).';
const WHY = {
  NotAllowedError: 'The browser may not use the microphone. Allow it for this page (beside its address), and press Record again.',
  NotFoundError: 'The browser finds no microphone. Connect one, and press Record again.',
  NotReadableError: 'Another program holds the microphone. Close it, and press Record again.',
};

/** Samples from -1 to 1 -> 16 bits each. */
const bits = samples => Int16Array.from(samples, one => Math.max(-32768, Math.min(32767, Math.round(one * 32768))));

/** The bytes of a WAV file with one channel of 16 bits. */
function wav(pcm, rate) {
  const head = new DataView(new ArrayBuffer(44));
  const word = (at, text) => [...text].forEach((letter, n) => head.setUint8(at + n, letter.charCodeAt(0)));
  word(0, 'RIFF'); head.setUint32(4, 36 + 2 * pcm.length, true); word(8, 'WAVEfmt ');
  head.setUint32(16, 16, true); head.setUint16(20, 1, true); head.setUint16(22, 1, true);
  head.setUint32(24, rate, true); head.setUint32(28, 2 * rate, true);
  head.setUint16(32, 2, true); head.setUint16(34, 16, true);
  word(36, 'data'); head.setUint32(40, 2 * pcm.length, true);
  return new Blob([head, pcm], { type: 'audio/wav' });
}

function render({ model, el }) {
  const box = document.createElement('div'), said = document.createElement('p');
  const meter = document.createElement('meter'), audio = document.createElement('audio');
  const button = (name, press) => {
    const made = document.createElement('button');
    made.className = 'jupyter-button widget-button';
    made.textContent = name;
    made.addEventListener('click', press);
    return made;
  };
  const record = button('Record', () => (context ? stop() : begin()));
  const use = button('Use it', () => {
    model.send({ rate }, undefined, [pcm.buffer]);
    tell('Sending it to the kernel.');
  });
  box.className = 'cv-microphone';
  meter.setAttribute('aria-label', 'How loud it is');
  audio.controls = true;
  said.setAttribute('role', 'status');
  box.append(record, meter, audio, use, said);
  el.append(box);
  let context = null, stream = null, pieces = [], pcm = null, rate = 0, url = '', gone = false;

  const tell = words => { said.textContent = words; };
  const show = () => {
    record.textContent = context ? 'Stop' : pcm ? 'Record again' : 'Record';
    meter.hidden = !context;
    audio.hidden = use.hidden = Boolean(context) || !pcm;
  };
  const close = () => {
    stream?.getTracks().forEach(track => track.stop());
    context?.close();
    context = stream = null;
  };
  const begin = async () => {
    if (!navigator.mediaDevices?.getUserMedia) {
      tell(`At this address the browser gives no microphone: it does so only at https:// and at localhost. ${ELSE}`);
      return;
    }
    record.disabled = true;
    tell('Asking for the microphone.');
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: PLAIN });
      context = new AudioContext();
      const module = URL.createObjectURL(new Blob([TAP], { type: 'text/javascript' }));
      await context.audioWorklet.addModule(module);
      URL.revokeObjectURL(module);
      if (gone) { close(); return; }
      const tap = new AudioWorkletNode(context, 'tap', { numberOfOutputs: 0 });
      [pieces, rate] = [[], Math.round(context.sampleRate)];
      let count = 0;
      tap.port.onmessage = ({ data }) => {
        if (!context) return;
        pieces.push(data);
        count += data.length;
        meter.value = Math.min(1, 3 * Math.max(...data.map(Math.abs)));
        tell(`Recording: ${(count / rate).toFixed(0)} of at most ${model.get('longest')} seconds.`);
        if (count >= model.get('longest') * rate) stop();
      };
      context.createMediaStreamSource(stream).connect(tap);
    } catch (problem) {
      close();
      tell(`${WHY[problem.name] ?? `The browser says: ${problem.message}.`} ${ELSE}`);
    }
    record.disabled = false;
    show();
  };
  const stop = () => {
    close();
    const samples = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) { samples.set(piece, at); at += piece.length; }
    if (samples.length) {
      pcm = bits(samples);
      if (url) URL.revokeObjectURL(url);
      url = URL.createObjectURL(wav(pcm, rate));
      audio.src = url;
      tell('It is on this page only. Listen; then record it again, or use it: it goes to your kernel, and is not saved.');
    } else tell('Nothing came from the microphone. Record it again.');
    show();
  };
  const answered = ({ said }) => tell(said);
  model.on('msg:custom', answered);
  show();
  tell('Nothing is recorded until you press Record.');
  return () => { gone = true; model.off('msg:custom', answered); close(); audio.pause(); if (url) URL.revokeObjectURL(url); };
}
export default { render };
