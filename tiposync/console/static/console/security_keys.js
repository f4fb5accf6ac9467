/* Security keys: asks the browser for one and puts its answer into the form. Everything else works without a script. */
const PATIENCE = "Now touch your security key, or do what your browser says.";
const WORDS = {
  InvalidStateError: "This key is registered already.",
  NotAllowedError: "No key has answered. Try again, or enter a code.",
  SecurityError: "The browser refuses: is this the address that PUBLIC_URL names?",
};

function toBytes(text) {
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

function toText(buffer) {
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function forBrowser(options) {
  const known = (keys) => (keys || []).map((key) => ({ ...key, id: toBytes(key.id) }));
  const ready = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) ready.user = { ...options.user, id: toBytes(options.user.id) };
  if (options.allowCredentials) ready.allowCredentials = known(options.allowCredentials);
  if (options.excludeCredentials) ready.excludeCredentials = known(options.excludeCredentials);
  return ready;
}

function forServer(credential) {
  const { response } = credential, said = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) said[name] = toText(response[name]);
  }
  if (response.getTransports) said.transports = response.getTransports();
  return JSON.stringify({
    id: credential.id, rawId: toText(credential.rawId), type: credential.type, response: said, clientExtensionResults: {},
  });
}

async function ask(form) {
  const publicKey = forBrowser(JSON.parse(document.getElementById(form.dataset.options).textContent));
  const isNew = form.dataset.securityKey === "create";
  return navigator.credentials[isNew ? "create" : "get"]({ publicKey });
}

function prepare(form) {
  const button = form.querySelector("[data-ask-key]"), status = form.querySelector("[role=status]");
  if (!window.PublicKeyCredential || !navigator.credentials) {
    status.textContent = "This browser does not offer security keys at this address.";
    return;
  }
  button.disabled = false;
  status.textContent = "";
  button.addEventListener("click", async () => {
    button.disabled = true;
    status.textContent = PATIENCE;
    try {
      form.elements.answer.value = forServer(await ask(form));
    } catch (error) {
      status.textContent = WORDS[error.name] || error.message;
      button.disabled = false;
      return;
    }
    if (form.elements.code) form.elements.code.required = false;
    status.textContent = form.dataset.then || "";
    if (!form.dataset.then) form.submit();
  });
}

document.querySelectorAll("form[data-security-key]").forEach(prepare);
