//! Rooms, members and the fan-out.
