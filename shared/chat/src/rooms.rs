//! `create`, `invite` and `rooms`: rooms, and who is in them.

use gatepost_protocol::Answer;
use gatepost_protocol::Code;
use gatepost_protocol::MembershipChange;
use gatepost_protocol::MembershipOk;
use gatepost_protocol::Role;
use gatepost_protocol::RoomName;
use gatepost_protocol::RoomOk;
use gatepost_protocol::RoomsOk;
use gatepost_protocol::action::Create;
use gatepost_protocol::action::Invite;
use gatepost_protocol::action::Rooms;
use gatepost_store::Membership;
use gatepost_store::Moderated;
use gatepost_store::StoreError;

use crate::Acted;
use crate::After;
use crate::Caller;
use crate::Chat;
use crate::Refusal;
use crate::outcome::not_in_token;

/// Some of a user's memberships.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) memberships: Vec<MembershipOk>,
    /// Where the next page begins, if there is one.
    pub(crate) cursor: Option<RoomName>,
}

impl Chat {
    /// Makes a room that its maker owns. Repeated by its maker it is told the same again.
    pub(crate) async fn create(&self, caller: &Caller, create: Create) -> Result<Acted, Refusal> {
        let Create { room, kind } = create;
        if !caller.may_enter(&room) {
            return Err(not_in_token());
        }
        // Who came first would own it, and shut the others out.
        let settings = &self.parts.settings;
        if settings.declared.contains_key(&room) || settings.guests && room == settings.seed_room {
            let message = "this room belongs to the operator";
            return Err(Refusal::new(Code::Conflict, message));
        }
        let (history, user) = (&self.parts.history, &caller.user);
        if !history.create_room(&room, kind, 1, Some(user)).await? {
            let found = history.rooms(std::slice::from_ref(&room), user).await?;
            let is_own = |found: &gatepost_store::Room| {
                found.kind == kind && found.role == Some(Role::Owner)
            };
            if !found.first().is_some_and(is_own) {
                let message = "there is a room of this name";
                return Err(Refusal::new(Code::Conflict, message));
            }
        }
        let after = After::Membership {
            user: user.clone(),
            room: room.clone(),
            change: MembershipChange::Added,
        };
        let role = Role::Owner;
        let mut acted = Acted::answered(Answer::Room(RoomOk { room, role }));
        acted.after.push(after);
        Ok(acted)
    }

    /// Makes a member of who is none; whoever is one keeps their role.
    pub(crate) async fn invite(&self, caller: &Caller, invite: Invite) -> Result<Acted, Refusal> {
        let Invite { room, user } = invite;
        let standing = gatepost_store::Standing::Member(Role::Member);
        let moderated = self.change(caller, &room, &user, standing).await?;
        if let Moderated::Unchanged { role } = moderated {
            return Ok(Acted::answered(Answer::Room(RoomOk { room, role })));
        }
        let after = After::Membership {
            user,
            room: room.clone(),
            change: MembershipChange::Added,
        };
        let role = Role::Member;
        let mut acted = Acted::answered(Answer::Room(RoomOk { room, role }));
        acted.after.push(after);
        Ok(acted)
    }

    pub(crate) async fn list_rooms(
        &self,
        caller: &Caller,
        asked: &Rooms,
    ) -> Result<Acted, Refusal> {
        let Page {
            memberships,
            cursor,
        } = self
            .memberships(caller, asked.cursor.as_ref(), asked.limit)
            .await?;
        Ok(Acted::answered(Answer::Rooms(RoomsOk {
            memberships,
            cursor,
        })))
    }

    /// The user's memberships after `after`, as far as the token lets into their rooms.
    pub(crate) async fn memberships(
        &self,
        caller: &Caller,
        after: Option<&RoomName>,
        limit: u32,
    ) -> Result<Page, StoreError> {
        // One more than a page holds tells whether there are more.
        let history = &self.parts.history;
        let found = history.memberships(&caller.user, after, limit + 1).await?;
        Ok(Page::of(caller, found, limit))
    }
}

impl Page {
    /// A page of so many memberships at most, as far as the token lets into their rooms. One found
    /// beyond it says that there are more.
    pub(crate) fn of(caller: &Caller, mut found: Vec<Membership>, limit: u32) -> Self {
        let is_cut = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().map(|last| last.room.clone());
        let readable = found
            .into_iter()
            .filter(|membership| caller.may_enter(&membership.room));
        Self {
            memberships: readable.map(on_the_wire).collect(),
            cursor: last.filter(|_| is_cut),
        }
    }
}

fn on_the_wire(membership: Membership) -> MembershipOk {
    MembershipOk {
        room: membership.room,
        kind: membership.kind,
        role: membership.role,
        head: membership.head,
        read: membership.read,
        with: membership.with,
    }
}
