//! What the people of a world do, page after page.

use std::collections::VecDeque;
use std::sync::Arc;

use gatepost_protocol::RoomName;
use gatepost_protocol::UserId;
use tokio::time::Instant;
use tokio::time::sleep_until;

use super::client::Client;
use super::client::Finish;
use super::gateway::Gateway;
use super::weather::Weather;
use super::world::World;
use super::world::attic;
use super::world::den;
use super::world::lobby;
use crate::checker::Recorder;
use crate::mutants::Mutant;

/// What the person at the client does.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Join(RoomName),
    Leave(RoomName),
    /// A message to a room, if it is in it.
    Send(RoomName),
    /// Something about a message that it saw there: a new body, its end, a reaction.
    Edit(RoomName),
    Delete(RoomName),
    React(RoomName),
    /// A message to one user.
    Direct(UserId),
    /// Makes the private room.
    Create,
    Invite(UserId),
    Kick(UserId),
    Ban(UserId),
    /// The network fails.
    LoseConnection,
    /// The page is loaded anew: another client, which has nothing.
    Reload,
}

/// Deeds in the order of their times.
pub(super) type Deeds = VecDeque<(Instant, Deed)>;

/// Everything that one device does.
pub(super) async fn live(
    device: usize,
    world: World,
    mutant: Option<Mutant>,
    gateway: Arc<Gateway>,
    weather: Arc<Weather>,
    recorder: Recorder,
) {
    let user = World::user_of(device);
    let mut deeds = plan(device, &user, &world, &weather);
    let mut rooms = vec![lobby()];
    for page in 1.. {
        let name = format!("{user}-{device}_{page}");
        let mut client = Client::new(&name, &user, &gateway, &weather, &recorder, deeds);
        client.errs(mutant);
        client.want(rooms);
        let ended = client.live().await;
        (deeds, rooms) = (ended.deeds, ended.rooms);
        if ended.how == Finish::Replaced {
            // The person comes back when there is something to do.
            let Some((at, _)) = deeds.front() else {
                return;
            };
            sleep_until(*at).await;
        }
    }
}

fn plan(device: usize, user: &UserId, world: &World, weather: &Weather) -> Deeds {
    let chance = &weather.chance;
    let now = Instant::now();
    let left = weather.clears_at.saturating_duration_since(now);
    let most = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    let mut deeds: Vec<_> = (0..chance.of(6..=18))
        .map(|_| {
            let deed = any_deed(device, user, world, weather);
            (now + chance.ms(0..=most), deed)
        })
        .collect();
    if device == 0 {
        deeds.push((now + chance.ms(0..=most / 8), Deed::Create));
        for other in world.others(user) {
            let at = now + chance.ms(most / 8..=most / 2);
            deeds.push((at, Deed::Invite(other)));
        }
        if chance.one_in(2) {
            let at = now + chance.ms(most / 2..=most * 3 / 4);
            deeds.push((at, Deed::Ban(world.another(user, chance))));
        }
    }
    for _ in 0..chance.of(0..=3) {
        let at = now + chance.ms(most / 4..=most);
        deeds.push((at, Deed::Send(den())));
    }
    if world.remade {
        // Nothing tells of a log that was remade, unless somebody writes to it afterwards.
        let rooms = [lobby(), attic(), den()].map(Deed::Send).into_iter();
        for deed in rooms.chain(world.others(user).into_iter().map(Deed::Direct)) {
            let at = weather.clears_at + chance.ms(70_000..=90_000);
            deeds.push((at, deed));
        }
    }
    deeds.sort_by_key(|(at, _)| *at);
    deeds.into()
}

fn any_deed(device: usize, user: &UserId, world: &World, weather: &Weather) -> Deed {
    let chance = &weather.chance;
    let room = || match chance.of(0..=5) {
        0 | 1 => attic(),
        2 => den(),
        _ => lobby(),
    };
    match chance.of(0..=29) {
        0 | 1 => Deed::Join(attic()),
        2 => Deed::Leave(room()),
        3 => Deed::Join(lobby()),
        4 => Deed::Join(den()),
        5..=7 => Deed::LoseConnection,
        8 => Deed::Reload,
        9 | 10 => Deed::Edit(room()),
        11 | 12 => Deed::Delete(room()),
        13 => Deed::React(room()),
        14 => Deed::Direct(world.another(user, chance)),
        15 if device == 0 => Deed::Invite(world.another(user, chance)),
        19 if device == 0 => Deed::Kick(world.another(user, chance)),
        20 if device == 0 => Deed::Ban(world.another(user, chance)),
        _ => Deed::Send(room()),
    }
}
