//! What joins a Lambda function to the chat.
