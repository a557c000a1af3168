// The functions that `gatepost conform` calls: nothing but Node.js, so they run anywhere.
//
// `authorize` admits with the query parameter `observer` in its context, so that every later event of the
// connection, also `$disconnect`, says who wants to be told. `handle` does what its route says.
"use strict";

const { createHash, createHmac } = require("node:crypto");
const { setTimeout: sleep } = require("node:timers/promises");

const { env } = process;

exports.authorize = async (event) => {
  const query = event.queryStringParameters;
  const mode = query.authorizer ?? "allow";
  if (mode === "unauthorized") throw new Error("Unauthorized");
  if (mode === "fail") throw new Error("the authorizer fails");
  const statement = { Action: "execute-api:Invoke", Effect: "Allow", Resource: event.methodArn };
  if (mode === "deny") statement.Effect = "Deny";
  if (mode === "implicit") statement.Resource += "-of-another";
  return {
    principalId: "conform",
    policyDocument: { Version: "2012-10-17", Statement: [statement] },
    context: { observer: query.observer ?? "", number: 7, yes: true },
  };
};

exports.handle = async (event) => ROUTES[event.requestContext.routeKey](event);

async function connect(event) {
  const query = event.queryStringParameters ?? {};
  if ("fail" in query) throw new Error("$connect fails");
  if ("malformed" in query) return "no proxy response";
  if ("post" in query) {
    // The connection is not established yet: what this is answered is what the client is.
    return { statusCode: await post(event, event.requestContext.connectionId, "too early") };
  }
  const response = { statusCode: Number(query.status ?? "200"), body: "from $connect" };
  if ("subprotocol" in query) {
    response.headers = { "Sec-WebSocket-Protocol": query.subprotocol, "X-Other": "1" };
  }
  await tell(event);
  return response;
}

async function disconnect(event) {
  await tell(event);
  return { statusCode: 200 };
}

const echo = (event) => ({ statusCode: 200, body: event.body });
const show = (event) => ({ statusCode: 200, body: JSON.stringify(event) });
const empty = () => ({ statusCode: 200, body: "" });
const large = (event) => ({ statusCode: 200, body: "x".repeat(JSON.parse(event.body).size) });
const malformed = () => "no proxy response";

function status(event) {
  const wanted = JSON.parse(event.body).status;
  return { statusCode: wanted, body: `status ${wanted}` };
}

function fail() {
  throw new Error("the function fails");
}

async function slow() {
  await sleep(3000);
  return { statusCode: 200, body: "too late" };
}

async function back(event) {
  await post(event, event.requestContext.connectionId, `posted: ${event.body}`);
  return { statusCode: 200 };
}

/** Posts the event to the connection that wants to be told. */
async function tell(event) {
  const observer = event.requestContext.authorizer?.observer;
  if (observer) await post(event, observer, JSON.stringify(event));
}

/** POST @connections, signed with the function's own credentials; the status of the answer. */
async function post(event, connection, body) {
  const { domainName, stage } = event.requestContext;
  const endpoint = env.AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI ?? `https://${domainName}/${stage}`;
  const url = new URL(`${endpoint}/%40connections/${encodeURIComponent(connection)}`);
  const answer = await fetch(url, { method: "POST", headers: sign(url, body), body });
  return answer.status;
}

const hash = (text) => createHash("sha256").update(text).digest("hex");
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();

/** The headers of Signature Version 4 (IAM user guide, "Create a signed AWS API request"). */
function sign(url, body) {
  const now = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const day = now.slice(0, 8);
  const headers = {
    "content-type": "application/octet-stream",
    host: url.host,
    "x-amz-date": now,
  };
  if (env.AWS_SESSION_TOKEN) headers["x-amz-security-token"] = env.AWS_SESSION_TOKEN;
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join("");
  // Of every service but S3 the path is encoded once more.
  const path = url.pathname.split("/").map(encodeURIComponent).join("/");
  const canonical = ["POST", path, "", lines, names.join(";"), hash(body)].join("\n");
  const scope = `${day}/${env.AWS_REGION}/execute-api/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${now}\n${scope}\n${hash(canonical)}`;
  let key = `AWS4${env.AWS_SECRET_ACCESS_KEY}`;
  for (const part of [...scope.split("/"), toSign]) key = hmac(key, part);
  const credential = `Credential=${env.AWS_ACCESS_KEY_ID}/${scope}`;
  headers.authorization =
    `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names.join(";")}, Signature=${key.toString("hex")}`;
  delete headers.host;
  return headers;
}

const ROUTES = {
  $connect: connect,
  $disconnect: disconnect,
  echo,
  oneway: echo,
  event: show,
  status,
  empty,
  large,
  malformed,
  fail,
  failoneway: fail,
  slow,
  back,
};
