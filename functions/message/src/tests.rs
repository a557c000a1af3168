mod frames;
mod stage;
