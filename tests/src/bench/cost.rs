//! `bench cost`: what delivering a message costs on AWS, against a function that scans a table of
//! connections and posts to all of them; and the bill of a bench run.
//!
//! Prices are those of us-east-1, first tier, collected in November 2026 from pages that quote AWS's.

use serde_json::Value;
use serde_json::json;

use super::rounded;

/// US dollars per metered message of a WebSocket API, sent or received, in units of 32 KB: the first
/// thousand million a month (awsforengineers; the unit from AWS, "Amazon API Gateway pricing").
pub const MESSAGE: f64 = 1.00e-6;

/// US dollars per minute of a connection (an answer on re:Post that quotes AWS's page).
pub const CONNECTION_MINUTE: f64 = 0.25e-6;

/// US dollars per invocation (secondary pages).
pub const INVOCATION: f64 = 0.20e-6;

/// US dollars per GB-second, arm64 (secondary pages).
pub const GB_SECOND: f64 = 0.000_013_333_4;

/// US dollars per GB-second, x86: the sample's default architecture (secondary pages).
pub const GB_SECOND_X86: f64 = 0.000_016_666_7;

/// US dollars per read request unit of a table on demand: 4 KB, half of it if eventually consistent.
/// A guess; it moves no figure by more than a hundredth.
pub const READ_UNIT: f64 = 0.125e-6;

/// Memory of a function, GB: `MemorySize: 256` of the template.
pub const MEMORY_GB: f64 = 0.25;

/// How long one post takes from inside the region. An assumption: nothing of it could be measured.
const POST_SECONDS: f64 = 0.008;

/// How long a message function works until its reply: two round trips and an append. An assumption.
const REPLY_SECONDS: f64 = 0.006;

/// Posts under way at a time: ours, and those that an SDK for Node.js has sockets for.
const AT_ONCE: f64 = 32.0;
const AT_ONCE_SDK: f64 = 50.0;

/// Bytes of a connection in the sample's table.
const ROW_BYTES: f64 = 28.0;

/// What a run asked of AWS.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bill {
    /// Frames from clients.
    pub messages_in: u64,
    /// Replies to them.
    pub replies: u64,
    /// Posts to connections, each of one unit: a frame has at most 32 KB.
    pub posts: u64,
    /// Of these, posts to connections that were gone: not metered, and wasted.
    pub gone: u64,
    /// Of these, posts that were refused with 429 or not answered: wasted too, and made again.
    pub failed: u64,
    /// Invocations of all functions.
    pub invocations: u64,
    /// CPU nanoseconds of the functions. On AWS they are billed for the time that passes, which is
    /// longer by what the network takes.
    pub cpu_ns: u64,
    /// Entries that members got.
    pub deliveries: u64,
}

impl Bill {
    /// The cost line of a run.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let metered = self.messages_in + self.replies + self.posts - self.gone - self.failed;
        let gb_s = self.cpu_ns as f64 / 1e9 * MEMORY_GB;
        let dollars =
            metered as f64 * MESSAGE + self.invocations as f64 * INVOCATION + gb_s * GB_SECOND;
        let per_million = dollars / self.deliveries.max(1) as f64 * 1e6;
        json!({
            "messages_metered": metered,
            "invocations": self.invocations,
            "gb_s_of_cpu": rounded(gb_s),
            "posts_wasted_on_410": self.gone,
            "posts_wasted_otherwise": self.failed,
            "usd": (dollars * 1e6).round() / 1e6,
            "usd_per_million_deliveries": rounded(per_million),
        })
    }
}

/// US dollars for one message to a room of `members`, when `batch` entries go in one frame.
fn ours(members: f64, batch: f64) -> f64 {
    let posts = members / batch;
    // Its frame, its reply, the posts; one invocation.
    let messages = (2.0 + posts) * MESSAGE;
    let seconds = REPLY_SECONDS + (posts / AT_ONCE).ceil().max(1.0) * POST_SECONDS / batch.max(1.0);
    messages + INVOCATION + seconds * MEMORY_GB * GB_SECOND
}

/// US dollars for one message of a function that scans all `connections` and posts to each, at once.
fn scan_and_post(connections: f64) -> f64 {
    let units = (connections * ROW_BYTES / 4096.0).max(1.0) / 2.0;
    let seconds = (connections / AT_ONCE_SDK).ceil() * POST_SECONDS;
    (1.0 + connections) * MESSAGE
        + units * READ_UNIT
        + INVOCATION
        + seconds * MEMORY_GB * GB_SECOND_X86
}

/// The model: US dollars per million deliveries, by members of a room, with `rooms` rooms of that
/// size, and from how many deliveries a month on servers for `fixed` dollars a month pay.
#[must_use]
pub fn run(rooms: u32, fixed: f64, throttle: f64) -> Value {
    let million = |dollars: f64, members: f64| rounded(dollars / members * 1e6);
    let rows = [10.0, 100.0, 1_000.0, 10_000.0].map(|members: f64| {
        let one = ours(members, 1.0);
        let batch = |batch| ours(members, batch);
        let sample = scan_and_post(members);
        let all = scan_and_post(members * f64::from(rooms));
        // Deliveries a month from which on what is saved on each pays for the servers.
        let even = |dollars: f64, other: f64| {
            let saved = (other - dollars) / members;
            (saved > 0.0).then(|| (fixed / saved / 1e6).round())
        };
        json!({
            "members": members,
            "gatepost": million(one, members),
            "gatepost_5_in_a_frame": million(batch(5.0), members),
            "gatepost_10_in_a_frame": million(batch(10.0), members),
            "scan_and_post": million(sample, members),
            "scan_and_post_with_rooms": million(all, members),
            "break_even_million_deliveries_a_month": even(one, all),
            "break_even_5_in_a_frame": even(batch(5.0), sample),
            "messages_per_s_at_the_throttle": rounded(throttle / members),
            "messages_per_s_at_the_throttle_5_in_a_frame": rounded(throttle * 5.0 / members),
        })
    });
    json!({
        "bench": "cost",
        "unit": "US dollars per million deliveries",
        "rooms": rooms,
        "servers_usd_a_month": fixed,
        "throttle_posts_per_s": throttle,
        "connected_user_usd_a_month": rounded(30.0 * 24.0 * 60.0 * CONNECTION_MINUTE),
        "model": rows,
    })
}
