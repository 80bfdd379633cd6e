// Passkeys on the pages of sign-in: the one thing there that a page cannot do without a script.
'use strict';

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

async function post(path, body, csrf) {
  const headers = { 'Content-Type': 'application/json' };
  if (csrf) headers['X-CSRF-Token'] = csrf;
  const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!answer.ok) {
    const { title, detail } = await answer.json().catch(() => ({}));
    throw new Error([title || answer.statusText, detail].filter(Boolean).join(': '));
  }
  return answer.status === 201 ? null : answer.json();
}

async function signIn(button) {
  const asked = await post('/auth/passkey/challenge', {});
  const made = await navigator.credentials.get({ publicKey: { challenge: bytes(asked.challenge), rpId: asked.rp_id, userVerification: 'required' } });
  const { clientDataJSON, authenticatorData, signature, userHandle } = made.response;
  const given = { id: text(made.rawId), client_data: text(clientDataJSON), authenticator_data: text(authenticatorData), signature: text(signature) };
  if (userHandle) given.user_handle = text(userHandle);
  await post('/auth/passkey', given);
  location.assign(button.dataset.next);
}

async function add(button) {
  const { csrf } = button.dataset;
  const asked = await post('/auth/passkeys/challenge', {}, csrf);
  const made = await navigator.credentials.create({ publicKey: {
    challenge: bytes(asked.challenge),
    rp: { id: asked.rp_id, name: 'Coeur' },
    user: { id: bytes(asked.user_id), name: asked.user_name, displayName: asked.user_display_name },
    pubKeyCredParams: asked.algorithms.map((alg) => ({ type: 'public-key', alg })),
    excludeCredentials: asked.exclude.map((id) => ({ type: 'public-key', id: bytes(id) })),
    authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
    attestation: 'none',
  } });
  const { clientDataJSON, attestationObject } = made.response;
  const name = document.getElementById('passkey-name').value;
  await post('/auth/passkeys', { client_data: text(clientDataJSON), attestation_object: text(attestationObject), name }, csrf);
  location.reload();
}

for (const [id, run] of [['passkey-sign-in', signIn], ['passkey-add', add]]) {
  const button = document.getElementById(id);
  if (!button || !window.PublicKeyCredential) continue;
  document.querySelectorAll('.needs-passkeys').forEach((part) => { part.hidden = false; });
  button.addEventListener('click', () => {
    const told = document.getElementById('passkey-told');
    told.textContent = '';
    run(button).catch((why) => { told.textContent = why.name === 'NotAllowedError' ? button.dataset.stopped : why.message; });
  });
}
