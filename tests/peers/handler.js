// The function that both emulators run: answers the body of its event, or the connection's ID to
// whoever sends `id`.
exports.echo = async (event) => ({
  statusCode: 200,
  body: event.body === "id" ? event.requestContext.connectionId : (event.body ?? ""),
});
