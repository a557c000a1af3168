// Calls the management API with the AWS SDK for JavaScript v3, for the tests: as management.py.

import { createInterface } from "node:readline";
import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GetConnectionCommand,
  PostToConnectionCommand,
} from "@aws-sdk/client-apigatewaymanagementapi";

const client = new ApiGatewayManagementApiClient({ endpoint: process.argv[2], maxAttempts: 1 });

function command({ do: what, id: ConnectionId, bytes }) {
  switch (what) {
    case "post": return new PostToConnectionCommand({ ConnectionId, Data: new Uint8Array(bytes).fill(120) });
    case "get": return new GetConnectionCommand({ ConnectionId });
    default: return new DeleteConnectionCommand({ ConnectionId });
  }
}

const said = ({ httpStatusCode, requestId }) => ({ status: httpStatusCode, request_id: requestId });

for await (const line of createInterface({ input: process.stdin })) {
  let result;
  try {
    const answer = await client.send(command(JSON.parse(line)));
    result = said(answer.$metadata);
    if (answer.ConnectedAt) {
      result.connected_at = answer.ConnectedAt.toISOString();
      result.last_active_at = answer.LastActiveAt.toISOString();
      result.source_ip = answer.Identity.SourceIp;
      result.user_agent = answer.Identity.UserAgent ?? null;
    }
  } catch (error) {
    result = { ...said(error.$metadata ?? {}), exception: error.constructor.name, code: error.name, message: error.message };
  }
  console.log(JSON.stringify(result));
}
