mod frames;
mod operations;
mod stage;
