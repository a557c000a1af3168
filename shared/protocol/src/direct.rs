//! The room of two users.

use ring::digest::Context;
use ring::digest::SHA256;

use crate::RoomName;
use crate::UserId;

/// The direct room of two users, the same whoever asks: `dm:` and the first 32 hexadecimal digits
/// of SHA-256 over both ids in byte order, each behind its length in bytes as one byte.
#[must_use]
pub fn direct_room(one: &UserId, other: &UserId) -> RoomName {
    let (first, second) = if one.as_str().as_bytes() <= other.as_str().as_bytes() {
        (one, other)
    } else {
        (other, one)
    };
    let mut context = Context::new(&SHA256);
    for id in [first, second] {
        let length = u8::try_from(id.as_str().len()).expect("a user id has at most 64 bytes");
        context.update(&[length]);
        context.update(id.as_str().as_bytes());
    }
    let digest = context.finish();
    let mut name = String::with_capacity(35);
    name.push_str("dm:");
    for byte in &digest.as_ref()[..16] {
        for digit in [byte >> 4, byte & 15] {
            name.push(char::from_digit(u32::from(digit), 16).expect("a digit is below 16"));
        }
    }
    RoomName::try_from(name).expect("hexadecimal digits are allowed in a room's name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(one: &str, other: &str) -> String {
        direct_room(&one.parse().unwrap(), &other.parse().unwrap()).to_string()
    }

    #[test]
    fn both_users_get_the_same_reserved_room() {
        assert_eq!(room("ann", "bob"), room("bob", "ann"));
        let name: RoomName = room("ann", "bob").parse().unwrap();
        assert!(name.is_reserved());
    }

    #[test]
    fn ids_that_run_together_get_different_rooms() {
        assert_ne!(room("ab", "c"), room("a", "bc"));
    }

    #[test]
    fn the_name_is_the_digest_of_both_length_prefixed_ids() {
        // printf '\003ann\003bob' | sha256sum | cut -c1-32
        expect_test::expect!["dm:8b5090a9a0cf7d0ea4ad77ff936d1bdf"].assert_eq(&room("ann", "bob"));
    }
}
