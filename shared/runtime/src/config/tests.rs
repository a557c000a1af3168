use std::collections::BTreeMap;

use expect_test::expect;

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const LAMBDA: [(&str, &str); 3] = [
    ("AWS_REGION", "eu-west-1"),
    ("AWS_ACCESS_KEY_ID", "AKID"),
    ("AWS_SECRET_ACCESS_KEY", "hush"),
];

fn environment<'a>(variables: &[(&'a str, &'a str)]) -> BTreeMap<&'a str, &'a str> {
    LAMBDA.iter().chain(variables).copied().collect()
}

fn auth(variables: &[(&str, &str)]) -> Result<AuthConfig, ConfigError> {
    read(&environment(variables), AuthConfig::read)
}

fn stores(variables: &[(&str, &str)]) -> Result<StoresConfig, ConfigError> {
    read(&environment(variables), StoresConfig::read)
}

#[test]
fn every_problem_is_told_at_once_and_no_secret() {
    let variables = [
        ("DATABASE_URL", "postgres://u:hunter2@h/d"),
        ("REDIS_URL", "http://u:hunter2@h"),
        ("MIGRATE", "always"),
        ("AUTH_MODE", "jwt"),
        ("JWT_SECRET", "hunter2"),
        ("ALLOWED_ORIGINS", "https://a/, *"),
        ("SESSION_POLICY", "one"),
        ("RATE_PER_USER", "-1"),
        ("PING_SECONDS", "600"),
        ("AFTER_ANSWER", "later"),
    ];
    let error = read(&environment(&variables), |reading| {
        let stores = StoresConfig::read(reading);
        let auth = AuthConfig::read(reading);
        let rooms = RoomsConfig::read(reading);
        let after = AfterAnswer::read(reading);
        Some((stores?, auth?, rooms?, after?))
    })
    .unwrap_err();
    expect![[r#"
        the environment is not usable:
          MIGRATE is "always": expected auto or off
          DATABASE_URL has another scheme: expected sqlite:<path> or mysql://user:password@host:port/name
          REDIS_URL has another scheme: expected redis://host:port, rediss://…, redis+cluster://… or rediss+cluster://…
          JWT_SECRET is shorter than 32 bytes
          JWT_AUDIENCE is missing: the aud that a token must name
          ALLOWED_ORIGINS names "https://a/": expected https://host or http://host:port
          ALLOWED_ORIGINS names "*": expected https://host or http://host:port
          SESSION_POLICY is "one": expected multi or takeover
          RATE_PER_USER is "-1": expected a whole number from 0 to 10000
          PING_SECONDS is "600": expected a whole number from 1 to 540
          AFTER_ANSWER is "later": expected layer or before"#]]
    .assert_eq(&error.to_string());
}

#[test]
fn what_is_absent_or_empty_has_its_default() {
    let variables = environment(&[("RATE_PER_USER", ""), ("SESSION_POLICY", " ")]);
    let rooms = read(&variables, RoomsConfig::read).unwrap();
    let expected = RoomsConfig {
        sessions: gatepost_chat::Sessions::Multi,
        rooms: gatepost_chat::RoomPolicy::Open,
        declared: BTreeMap::new(),
        per_user: 20,
        per_room: 200,
        ping_seconds: 270,
        retention_days: 0,
    };
    assert_eq!(rooms, expected);
    assert_eq!(
        read(&variables, AfterAnswer::read).unwrap(),
        AfterAnswer::Layer
    );
}

#[test]
fn stores_are_in_the_environment_or_in_secrets_manager() {
    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";
    let names = |result: Result<StoresConfig, ConfigError>| match result {
        Ok(_) => Vec::new(),
        Err(error) => error
            .problems
            .into_iter()
            .map(|problem| problem.name)
            .collect(),
    };
    for (variables, wrong) in [
        (&[("DATABASE_URL", "sqlite:/tmp/log.db")][..], &[][..]),
        (
            &[
                ("DATABASE_URL", "sqlite:/tmp/log.db"),
                ("REDIS_URL", "redis://h"),
            ],
            &[],
        ),
        (
            &[
                ("DATABASE_URL", "mysql://h/d"),
                ("REDIS_URL", "rediss+cluster://h"),
            ],
            &[],
        ),
        (&[("DATABASE_URL", "mysql://h/d")], &["REDIS_URL"]),
        (&[], &["DATABASE_URL"]),
        (
            &[
                ("DATABASE_URL_SECRET_ARN", ARN),
                ("REDIS_URL_SECRET_ARN", ARN),
            ],
            &[],
        ),
        (&[("DATABASE_URL_SECRET_ARN", ARN)], &["REDIS_URL"]),
        (
            &[
                ("DATABASE_URL_SECRET_ARN", "db"),
                ("REDIS_URL", "redis://h"),
            ],
            &["DATABASE_URL_SECRET_ARN", "DATABASE_URL"],
        ),
    ] {
        assert_eq!(names(stores(variables)), wrong, "{variables:?}");
    }
    let beside = stores(&[
        ("DATABASE_URL", "mysql://h/d"),
        ("DATABASE_URL_SECRET_ARN", ARN),
        ("REDIS_URL", "redis://h"),
    ]);
    let expected = SecretSource::Arn {
        arn: String::from(ARN),
        url: Some(Secret::new("mysql://h/d")),
    };
    assert_eq!(beside.unwrap().database, expected);
}

#[test]
fn tokens_need_one_key_and_an_audience() {
    let wrong = |variables: &[(&str, &str)]| match auth(variables) {
        Ok(_) => String::new(),
        Err(error) => error
            .to_string()
            .lines()
            .skip(1)
            .collect::<Vec<_>>()
            .join(";"),
    };
    let jwt = ("AUTH_MODE", "jwt");
    let audience = ("JWT_AUDIENCE", "chat");
    let secret = ("JWT_SECRET", SECRET);
    assert_eq!(wrong(&[jwt, audience, secret]), "");
    assert_eq!(wrong(&[("AUTH_MODE", "guest")]), "");
    for (variables, expected) in [
        (&[][..], "  AUTH_MODE is missing: expected guest or jwt"),
        (
            &[("AUTH_MODE", "open")],
            "  AUTH_MODE is \"open\": expected guest or jwt",
        ),
        (
            &[jwt, audience],
            "  JWT_SECRET is missing: AUTH_MODE=jwt needs it, JWT_SECRET_ARN, JWT_PUBLIC_KEY or JWT_JWKS_URL",
        ),
        (
            &[jwt, audience, ("JWT_JWKS_URL", "https://i/jwks.json")],
            "",
        ),
        (
            &[jwt, audience, ("JWT_JWKS_URL", "http://127.0.0.1:8/k")],
            "",
        ),
        (
            &[jwt, audience, ("JWT_JWKS_URL", "http://[::1]:8/k?v=1")],
            "",
        ),
        (
            &[jwt, audience, ("JWT_JWKS_URL", "http://i/jwks.json")],
            "  JWT_JWKS_URL is not https: expected https://host/path",
        ),
        (
            &[
                jwt,
                audience,
                ("JWT_JWKS_URL", "http://127.0.0.1.evil.example/"),
            ],
            "  JWT_JWKS_URL is not https: expected https://host/path",
        ),
        (
            &[jwt, audience, ("JWT_JWKS_URL", "https://user@i/jwks.json")],
            "  JWT_JWKS_URL has a user name: expected https://host/path",
        ),
        (
            &[jwt, audience, ("JWT_JWKS_URL", "ftp://i/keys")],
            "  JWT_JWKS_URL is no https URL: expected https://host/path",
        ),
        (
            &[
                jwt,
                audience,
                secret,
                ("JWT_JWKS_URL", "https://i/jwks.json"),
            ],
            "  JWT_JWKS_URL is set, and so is a key: set one of them",
        ),
        (
            &[jwt, audience, secret, ("JWT_PUBLIC_KEY", "x")],
            "  JWT_PUBLIC_KEY is set, and so is an HS256 secret: set one of them",
        ),
        (
            &[
                jwt,
                audience,
                ("JWT_PUBLIC_KEY", "-----BEGIN PRIVATE KEY-----"),
            ],
            "  JWT_PUBLIC_KEY is a private key: expected an RSA key as PEM",
        ),
        (
            &[jwt, audience, secret, ("ALLOWED_ORIGINS", "*")],
            "  ALLOWED_ORIGINS is *: with AUTH_MODE=jwt, list the pages",
        ),
    ] {
        assert_eq!(wrong(variables), expected);
    }
}

#[test]
fn an_origin_is_compared_whole() {
    let listed = "https://chat.example, http://127.0.0.1:3001,http://[::1]:8080";
    let origins = auth(&[("AUTH_MODE", "guest"), ("ALLOWED_ORIGINS", listed)])
        .unwrap()
        .origins;
    for origin in [
        "https://chat.example",
        "http://127.0.0.1:3001",
        "http://[::1]:8080",
    ] {
        assert!(origins.admit(origin), "{origin}");
    }
    for origin in [
        "null",
        "",
        "http://chat.example",
        "https://chat.example:443",
        "https://chat.example:8443",
        "https://chat.example/",
        "https://CHAT.example",
        "https://chat.example.evil.example",
        "https://evil.example/https://chat.example",
        "https://chat.example@evil.example",
        "https://sub.chat.example",
        "https://chat.example, https://evil.example",
        "https://xn--cht-5na.example",
    ] {
        assert!(!origins.admit(origin), "{origin}");
    }
    for wrong in [
        "chat.example",
        "HTTPS://chat.example",
        "https://chat.example:443",
        "ws://h",
        "https://",
    ] {
        auth(&[("AUTH_MODE", "guest"), ("ALLOWED_ORIGINS", wrong)]).unwrap_err();
    }
}

#[test]
fn aws_is_where_lambda_says_unless_the_endpoint_is_given() {
    let aws = read(&environment(&[]), AwsConfig::read).unwrap();
    assert_eq!(aws.lambda, "https://lambda.eu-west-1.amazonaws.com/");
    assert_eq!(
        aws.secrets_manager,
        "https://secretsmanager.eu-west-1.amazonaws.com/"
    );
    assert_eq!(aws.management, None);
    let variables = environment(&[
        (
            AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI,
            "http://127.0.0.1:3001/local/",
        ),
        (AWS_ENDPOINT_URL_LAMBDA, "http://127.0.0.1:3002"),
    ]);
    let aws = read(&variables, AwsConfig::read).unwrap();
    assert_eq!(
        aws.management.as_ref().unwrap(),
        "http://127.0.0.1:3001/local/"
    );
    assert_eq!(aws.lambda, "http://127.0.0.1:3002/");
    assert!(!format!("{aws:?}").contains("hush"));
}

#[test]
fn a_secret_is_not_shown() {
    let config = auth(&[
        ("AUTH_MODE", "jwt"),
        ("JWT_AUDIENCE", "a"),
        ("JWT_SECRET", SECRET),
    ]);
    let shown = format!("{config:?}");
    assert!(shown.contains("***") && !shown.contains(SECRET), "{shown}");
}

#[test]
fn declared_rooms_have_one_shard_or_as_many_as_they_say() {
    let rooms = |text| {
        read(&environment(&[("DECLARED_ROOMS", text)]), RoomsConfig::read)
            .map(|rooms| rooms.declared.into_iter().collect::<Vec<_>>())
    };
    let name = |name: &str| name.parse().unwrap();
    assert_eq!(
        rooms("town-hall:64, lobby").unwrap(),
        [(name("lobby"), 1), (name("town-hall"), 64)]
    );
    for wrong in ["a:0", "a:65", "a:", "a:b", "A Room", ",", "dm-ann-bob:2:3"] {
        let error = rooms(wrong).unwrap_err();
        assert_eq!(error.problems[0].name, "DECLARED_ROOMS", "{wrong}");
    }
}
