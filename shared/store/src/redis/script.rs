//! The scripts, and a call of one.

use std::sync::LazyLock;

use redis::Cmd;
use redis::Pipeline;
use redis::Script;
use redis::ToRedisArgs;

/// A script with the name the server knows it by.
pub(super) struct Lua {
    text: &'static str,
    sha: LazyLock<String>,
}

impl std::fmt::Debug for Lua {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text.lines().next().unwrap_or_default())
    }
}

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(
            pub(super) static $name: Lua = Lua {
                text: include_str!(concat!("lua/", $file, ".lua")),
                sha: LazyLock::new(|| {
                    Script::new(include_str!(concat!("lua/", $file, ".lua"))).get_hash().into()
                }),
            };
        )*

        /// All of them.
        static ALL: &[&Lua] = &[$(&$name),*];
    };
}

/// Makes every script known to a server, at once: where one is known all are, so that of calls sent
/// together none is done while one before it is unknown.
pub(super) fn load_all() -> Pipeline {
    let mut load = redis::pipe();
    load.atomic();
    for lua in ALL {
        load.cmd("SCRIPT").arg("LOAD").arg(lua.text).ignore();
    }
    load
}

scripts! {
    WRITE_CONNECTION = "write_connection";
    CLOSE_CONNECTION = "close_connection";
    FORGET_CONNECTION = "forget_connection";
    GREET = "greet";
    RENEW = "renew";
    LEAVE = "leave";
    EVICT = "evict";
    EVICT_FROM_SHARD = "evict_from_shard";
    ADMIT = "admit";
    LIMIT = "limit";
    TAKE = "take";
    SUBSCRIBE = "subscribe";
    UNSUBSCRIBE = "unsubscribe";
    STAMP = "stamp";
    RAISE_HEAD = "raise_head";
    FORGET = "forget";
    CLAIM = "claim";
    ADVANCE = "advance";
    RELEASE = "release";
}

/// What is asked of the server in one command.
#[derive(Debug)]
pub(super) enum Call {
    /// A script.
    Script {
        lua: &'static Lua,
        keys: usize,
        /// Keys, then values.
        args: Vec<Vec<u8>>,
    },
    /// A plain command.
    Plain(Cmd),
}

impl Call {
    pub(super) fn script<const N: usize>(lua: &'static Lua, keys: [&str; N]) -> Self {
        Self::on(lua, keys.into_iter())
    }

    /// A script on any number of keys that share a hash tag.
    pub(super) fn on<'a>(lua: &'static Lua, keys: impl Iterator<Item = &'a str>) -> Self {
        let args: Vec<_> = keys.map(|key| key.as_bytes().to_vec()).collect();
        let keys = args.len();
        Self::Script { lua, keys, args }
    }

    /// With one more value.
    pub(super) fn arg(mut self, value: impl ToRedisArgs) -> Self {
        match &mut self {
            Self::Script { args, .. } => value.write_redis_args(args),
            Self::Plain(cmd) => {
                cmd.arg(value);
            }
        }
        self
    }

    /// The command: by the script's hash, or with its text where the server does not know it.
    pub(super) fn command(&self, with_text: bool) -> Cmd {
        match self {
            Self::Plain(cmd) => cmd.clone(),
            Self::Script { lua, keys, args } => {
                let mut cmd = if with_text {
                    let mut cmd = redis::cmd("EVAL");
                    cmd.arg(lua.text);
                    cmd
                } else {
                    let mut cmd = redis::cmd("EVALSHA");
                    cmd.arg(lua.sha.as_str());
                    cmd
                };
                cmd.arg(*keys).arg(args);
                cmd
            }
        }
    }
}
