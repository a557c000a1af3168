// Signs random requests with the signer of the AWS SDK for JavaScript v3, for the tests of the verifier.
//
//     sign.mjs COUNT
//
// Prints one JSON object a line: the request as it would be on the wire, its body in Base64.

import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";

const HOST = "abc.example:8443";
const WORDS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@=-_.~:%+ é/!'()*";

// mulberry32: the same requests each time.
let state = 0x6a7376;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (n) => Math.floor(random() * n);
const word = (longest) => Array.from({ length: 1 + below(longest) }, () => WORDS[below(WORDS.length)]).join("");

const encode = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function request(presigned) {
  const query = Object.fromEntries(Array.from({ length: below(4) }, () => [word(8), word(8)]));
  const headers = { host: HOST };
  for (const name of ["accept", "content-type", "x-amz-user-agent", "x-one"]) {
    if (below(2)) headers[name] = Array.from({ length: 1 + below(3) }, () => word(6).replace("é", "e").trim()).join("  ").trim();
  }
  const body = presigned ? undefined : Uint8Array.from({ length: below(300) }, () => below(256));
  return {
    method: presigned ? "GET" : ["POST", "GET", "DELETE"][below(3)],
    protocol: "http:",
    hostname: "abc.example",
    port: 8443,
    // A segment of dots only would be resolved before it is signed.
    path: `/dev/@connections/x${encode(word(16))}`,
    query,
    headers,
    body,
  };
}

const signer = new SignatureV4({
  service: "execute-api",
  region: "us-east-1",
  sha256: Sha256,
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secretEXAMPLE", sessionToken: "tokEXAMPLE" },
});

for (let number = 0; number < Number(process.argv[2]); number += 1) {
  const presigned = number % 4 === 3;
  const plain = request(presigned);
  const signed = presigned ? await signer.presign(plain, { expiresIn: 300 }) : await signer.sign(plain);
  const query = Object.entries(signed.query).map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
  console.log(JSON.stringify({
    method: signed.method,
    target: signed.path + (query && `?${query}`),
    headers: Object.entries(signed.headers),
    body: Buffer.from(plain.body ?? []).toString("base64"),
  }));
}
