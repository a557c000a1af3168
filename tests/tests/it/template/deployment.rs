//! `infra/template.yaml`, which is deployed and which the emulator reads.

use std::collections::BTreeMap;

use gatepost_chat::Task;
use gatepost_runtime::config;
use gatepost_runtime::config::AfterAnswer;
use gatepost_runtime::config::AuthConfig;
use gatepost_runtime::config::AwsConfig;
use gatepost_runtime::config::ConfigError;
use gatepost_runtime::config::RoomsConfig;
use gatepost_runtime::config::StoresConfig;
use gatepost_template::Code;
use gatepost_template::Integration;
use gatepost_template::Project;

use super::file;
use super::read;

fn deployment() -> Project {
    read(&file("infra/template.yaml"))
}

#[test]
fn all_of_it_is_emulated() {
    let project = deployment();
    let said: Vec<String> = project.findings.iter().map(ToString::to_string).collect();
    assert_eq!(said, [""; 0]);
    assert_eq!(
        project.page,
        Some(file("shared/page").canonicalize().unwrap())
    );
}

#[test]
fn every_route_calls_the_function_that_is_made_for_it() {
    let project = deployment();
    let [api] = &project.apis[..] else {
        panic!("one API is deployed");
    };
    assert_eq!(api.route_selection_expression, "$request.body.action");
    let binary = |id: &str| match &project.functions[id].code {
        Code::Cargo { binary, folder } => {
            assert_eq!(*folder, file("").canonicalize().unwrap());
            binary.as_str()
        }
        other => panic!("{id} is not built with cargo: {other:?}"),
    };
    let called: Vec<_> = api
        .routes
        .values()
        .map(|route| {
            let Some(Integration::Lambda { function, .. }) = &route.integration else {
                panic!("{} calls nothing", route.key);
            };
            let authorizer = route.authorizer.as_ref();
            let authorizer = authorizer.map(|authorizer| binary(&authorizer.function));
            (
                route.key.as_str(),
                binary(function),
                route.route_response,
                authorizer,
            )
        })
        .collect();
    assert_eq!(
        called,
        [
            ("$connect", "connect", false, Some("authorizer")),
            ("$default", "message", true, None),
            ("$disconnect", "disconnect", false, None),
        ]
    );
    let connect = &api.routes["$connect"];
    assert!(
        connect
            .authorizer
            .as_ref()
            .unwrap()
            .identity_sources
            .is_empty()
    );
}

#[test]
fn the_sweep_is_a_task_of_the_chat() {
    let project = deployment();
    let fanout = &project.functions["FanoutFunction"];
    let [sweep] = &fanout.schedules[..] else {
        panic!("the fan-out has one schedule");
    };
    assert_eq!(sweep.every.as_secs(), 60);
    let task: Task = serde_json::from_str(sweep.input.as_ref().unwrap()).unwrap();
    assert_eq!(task, Task::Sweep);
    for function in project.functions.values() {
        if let Some(named) = function.environment.get(config::GATEPOST_FANOUT) {
            assert_eq!(*named, fanout.name, "{}", function.id);
        }
    }
}

/// Everything that a template may set for a function, and Rust's own.
const KNOWN: [&str; 25] = [
    "RUST_BACKTRACE",
    config::AFTER_ANSWER,
    config::ALLOWED_ORIGINS,
    config::AUTH_MODE,
    config::AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI,
    config::DATABASE_URL,
    config::DATABASE_URL_SECRET_ARN,
    config::DECLARED_ROOMS,
    config::GATEPOST_FANOUT,
    config::JWT_AUDIENCE,
    config::JWT_ISSUER,
    config::JWT_JWKS_URL,
    config::JWT_PUBLIC_KEY,
    config::JWT_SECRET,
    config::JWT_SECRET_ARN,
    config::MIGRATE,
    config::PING_SECONDS,
    config::RATE_PER_ROOM,
    config::RATE_PER_USER,
    config::REDIS_URL,
    config::REDIS_URL_SECRET_ARN,
    config::RETENTION_DAYS,
    config::ROOM_POLICY,
    config::SESSION_POLICY,
    "AWS_ENDPOINT_URL_LAMBDA",
];

#[test]
fn functions_know_every_variable_that_they_get() {
    for function in deployment().functions.values() {
        for name in function.environment.keys() {
            assert!(KNOWN.contains(&name.as_str()), "{}: {name}", function.id);
        }
    }
    for name in local().keys() {
        assert!(KNOWN.contains(&name.as_str()), "local.env: {name}");
    }
}

/// The lines of `infra/local.env`, filled in as the emulator does.
fn local() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file("infra/local.env")).unwrap();
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let (name, value) = line.split_once('=').unwrap();
            let value = value
                .replace("${GATEPOST_DATA_DIR}", "/data")
                .replace("${GATEPOST_ORIGIN}", "http://127.0.0.1:3001");
            assert!(!value.contains("${"), "{line}");
            (name.to_owned(), value)
        })
        .collect()
}

/// Reads all that a function of this binary reads.
fn configured(binary: &str, environment: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    let lambda = [
        (config::AWS_REGION, "us-east-1"),
        (config::AWS_ACCESS_KEY_ID, "key"),
        (config::AWS_SECRET_ACCESS_KEY, "secret"),
    ];
    let template = environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let environment: BTreeMap<&str, &str> = template.chain(lambda).collect();
    config::read(&environment, |reading| {
        AfterAnswer::read(reading)?;
        AwsConfig::read(reading)?;
        if binary == "authorizer" {
            return AuthConfig::read(reading).map(drop);
        }
        let stores = StoresConfig::read(reading);
        let rooms = RoomsConfig::read(reading);
        config::admits_guests(reading)?;
        stores?;
        rooms?;
        Some(())
    })
}

#[test]
fn every_function_starts_with_what_template_and_local_env_say() {
    for function in deployment().functions.values() {
        let Code::Cargo { binary, .. } = &function.code else {
            panic!("{} is not built with cargo", function.id);
        };
        let mut environment = function.environment.clone();
        environment.extend(local());
        if let Err(error) = configured(binary, &environment) {
            panic!("{}: {error}", function.id);
        }
    }
}

#[test]
fn every_function_starts_with_parameters_of_production() {
    let arn = |name: &str| format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}");
    let parameters = [
        ("AllowedOrigins", "https://chat.example.com".to_owned()),
        ("DatabaseUrl", "mysql://db.example.com:3306/chat".to_owned()),
        ("DatabaseUrlSecretArn", arn("db")),
        (
            "RedisUrl",
            "rediss+cluster://cache.example.com:6379".to_owned(),
        ),
        ("JwtSecretArn", arn("jwt")),
        ("JwtAudience", "chat".to_owned()),
        ("SubnetIds", "subnet-1,subnet-2".to_owned()),
        ("SecurityGroupIds", "sg-1".to_owned()),
        ("RetentionDays", "30".to_owned()),
    ];
    let parameters = parameters
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let project = gatepost_template::load(&file("infra/template.yaml"), &parameters.collect());
    let project = project.unwrap_or_else(|refusal| panic!("{refusal}"));
    for function in project.functions.values() {
        let Code::Cargo { binary, .. } = &function.code else {
            panic!("{} is not built with cargo", function.id);
        };
        if let Err(error) = configured(binary, &function.environment) {
            panic!("{}: {error}", function.id);
        }
    }
}

#[test]
fn parameters_refuse_what_the_functions_would_refuse() {
    for (name, wrong) in [
        ("AllowedOrigins", "https://chat.example.com/"),
        ("AllowedOrigins", "https://Chat.example.com"),
        ("AllowedOrigins", "*, https://chat.example.com"),
        ("AuthMode", "open"),
        ("DatabaseUrl", "postgres://db/chat"),
        (
            "JwtPublicKey",
            "-----BEGIN PRIVATE KEY-----MIIB-----END PRIVATE KEY-----",
        ),
        ("JwtSecretArn", "my-secret"),
        ("Migrate", "always"),
        ("PingSeconds", "600"),
        ("RatePerUser", "-1"),
        ("RedisUrl", "http://cache"),
        ("RetentionDays", "forever"),
        ("RoomPolicy", "closed"),
        ("SessionPolicy", "one"),
        ("StageName", "$default"),
    ] {
        let parameters = BTreeMap::from([(name.to_owned(), wrong.to_owned())]);
        let refused = gatepost_template::load(&file("infra/template.yaml"), &parameters);
        let said = refused.map(|_| ()).unwrap_err().to_string();
        assert!(said.contains(&format!("the parameter `{name}`")), "{said}");
    }
}
