//! How much may be sent.

use std::sync::Arc;

use gatepost_protocol::Millis;
use gatepost_store::Admission;
use gatepost_store::Rates;
use gatepost_store::Registry;

use super::NO_RATES;
use crate::store::Registries;
use crate::store::behaviours;
use crate::store::words::NOW;
use crate::store::words::conn;
use crate::store::words::room;
use crate::store::words::user;

behaviours! { Registries:
    a_burst_is_admitted_and_then_the_rate,
    no_rate_is_no_limit,
    a_room_has_a_rate_of_its_own,
    what_a_user_may_not_send_costs_the_room_nothing,
    what_a_room_does_not_take_costs_the_user_nothing,
}

async fn admitted(
    registry: &Arc<dyn Registry>,
    of: &str,
    to: &str,
    rates: Rates,
    now: Millis,
) -> bool {
    let admission = registry
        .admit(&user(of), &conn("c1"), &room(to), rates, now)
        .await
        .unwrap();
    match admission {
        Admission::Admitted { .. } => true,
        Admission::RateLimited { retry_after_ms } => {
            assert!((1..=3_000).contains(&retry_after_ms), "{retry_after_ms}");
            false
        }
        Admission::Replaced => panic!("nobody replaced it"),
    }
}

async fn a_burst_is_admitted_and_then_the_rate(registries: Registries) {
    let (one, other) = (registries.open(), registries.open());
    let rates = Rates {
        per_user: 20,
        per_room: 0,
    };
    for number in 0..60 {
        let registry = if number % 2 == 0 { &one } else { &other };
        assert!(
            admitted(registry, "ann", "lobby", rates, NOW).await,
            "{number}"
        );
    }
    let sixty_first = one
        .admit(&user("ann"), &conn("c1"), &room("lobby"), rates, NOW)
        .await
        .unwrap();
    assert_eq!(sixty_first, Admission::RateLimited { retry_after_ms: 50 });
    assert!(
        !admitted(&one, "ann", "other", rates, NOW).await,
        "the rate is the user's"
    );
    assert!(
        admitted(&one, "bob", "lobby", rates, NOW).await,
        "not another's"
    );
    assert!(!admitted(&one, "ann", "lobby", rates, NOW + 49).await);
    assert!(admitted(&one, "ann", "lobby", rates, NOW + 50).await);
    assert!(!admitted(&one, "ann", "lobby", rates, NOW + 50).await);
    let mut count = 0;
    while admitted(&one, "ann", "lobby", rates, NOW + 60_000).await {
        count += 1;
    }
    assert_eq!(count, 60, "a minute's rest is a whole burst");
}

async fn no_rate_is_no_limit(registries: Registries) {
    let registry = registries.open();
    for _ in 0..300 {
        assert!(admitted(&registry, "ann", "lobby", NO_RATES, NOW).await);
    }
}

async fn a_room_has_a_rate_of_its_own(registries: Registries) {
    let registry = registries.open();
    let rates = Rates {
        per_user: 10,
        per_room: 4,
    };
    for number in 0..12 {
        assert!(admitted(&registry, &format!("u{}", number % 3), "lobby", rates, NOW).await);
    }
    assert!(!admitted(&registry, "u4", "lobby", rates, NOW).await);
    assert!(admitted(&registry, "u4", "other", rates, NOW).await);
    assert!(admitted(&registry, "u4", "lobby", rates, NOW + 250).await);
}

async fn what_a_user_may_not_send_costs_the_room_nothing(registries: Registries) {
    let registry = registries.open();
    let rates = Rates {
        per_user: 1,
        per_room: 2,
    };
    for _ in 0..3 {
        assert!(admitted(&registry, "ann", "lobby", rates, NOW).await);
    }
    for _ in 0..20 {
        assert!(!admitted(&registry, "ann", "lobby", rates, NOW).await);
    }
    for _ in 0..3 {
        assert!(admitted(&registry, "bob", "lobby", rates, NOW).await);
    }
    assert!(
        !admitted(&registry, "cy", "lobby", rates, NOW).await,
        "six is the room's burst"
    );
}

async fn what_a_room_does_not_take_costs_the_user_nothing(registries: Registries) {
    let registry = registries.open();
    let rates = Rates {
        per_user: 1,
        per_room: 1,
    };
    for _ in 0..3 {
        assert!(admitted(&registry, "bob", "lobby", rates, NOW).await);
    }
    for _ in 0..20 {
        assert!(!admitted(&registry, "ann", "lobby", rates, NOW).await);
    }
    for number in 0..3 {
        assert!(
            admitted(&registry, "ann", "other", rates, NOW).await,
            "{number}"
        );
    }
    assert!(!admitted(&registry, "ann", "other", rates, NOW).await);
}
