//! Tests of services outside of the cluster in the names and values of environment variables.

use rstest::rstest;
use serde_json::json;

use super::*;

#[rstest]
fn the_name_of_a_variable_tells_of_an_external_service(
    #[values(
        "DATABASE_URL",
        "DB_HOST",
        "PGHOST",
        "MYSQL_HOST",
        "MONGO_URL",
        "MONGO_URI",
        "MONGODB_URL",
        "MONGODB_URI",
        "REDIS_URL",
        "REDIS_HOST",
        "KAFKA_BROKERS",
        "KAFKA_BOOTSTRAP_SERVERS",
        "AMQP_URL",
        "AZURE_OPENAI_ENDPOINT",
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "S3_BUCKET"
    )]
    name: &str,
) {
    for variable in
        [name.to_owned(), format!("APP_{name}"), format!("_{name}"), name.to_lowercase(), format!("my_{name}")]
    {
        let value = json!({ "name": variable, "value": "anything" });
        assert_eq!(triggers_of_env(&value), only(LayerTriggers::EXTERNAL_SERVICES, true), "{variable}");
        let reference = json!({ "name": variable, "valueFrom": { "configMapKeyRef": { "name": "a", "key": "b" } } });
        assert_eq!(triggers_of_env(&reference), only(LayerTriggers::EXTERNAL_SERVICES, true), "{variable}");
        assert_eq!(
            triggers_of_env(&json!({ "name": variable })),
            only(LayerTriggers::EXTERNAL_SERVICES, true),
            "{variable}"
        );
    }
    for unrelated in [format!("{name}NAME"), format!("{name}_2"), format!("MY{name}"), format!("{name} ")] {
        assert_eq!(triggers_of_env(&json!({ "name": unrelated, "value": "anything" })), nothing(), "{unrelated}");
    }
}

#[rstest]
#[case("MY_DB_HOSTNAME")]
#[case("DB_PORT")]
#[case("MONGO_URN")]
#[case("MONGODBX_URL")]
#[case("DATABASE-URL")]
#[case("PG_HOST")]
#[case("OPENAI_ENDPOINT")]
#[case("")]
fn another_name_of_a_variable_tells_nothing(#[case] name: &str) {
    assert_eq!(triggers_of_env(&json!({ "name": name, "value": "anything" })), nothing());
}

#[rstest]
fn an_address_is_external_when_its_host_has_a_dot_and_is_none_of_the_cluster(
    #[values(
        "postgres://",
        "postgresql://",
        "mysql://",
        "mongodb://",
        "mongodb+srv://",
        "redis://",
        "rediss://",
        "amqp://",
        "amqps://",
        "jdbc:postgresql://",
        "jdbc:mysql://"
    )]
    scheme: &str,
) {
    let users = ["", "user:password@", "user@", "user.name:pass,word@", "user:p@s.s@"];
    let rests = ["", ":5432", "/shop", ":5432/shop?sslmode=require&host=a.b", "?ssl=a.b", "#a.b"];
    let hosts = [
        ("db.example.com", true),
        ("192.0.2.7", true),
        ("svc.example.com", true),
        ("db.shop.svc.example.com", true),
        ("db.svclocal", true),
        ("db.example.com.", true),
        ("db", false),
        ("localhost", false),
        ("svc", false),
        ("", false),
        ("db.shop.svc", false),
        ("db.shop.svc.cluster.local", false),
        ("db.shop.svc.cluster.local.", false),
        ("pg-0.pg.shop.svc.cluster.local", false),
    ];
    for (host, external) in hosts {
        for (user, rest) in users.into_iter().flat_map(|user| rests.map(|rest| (user, rest))) {
            let value = format!("{scheme}{user}{host}{rest}");
            assert_eq!(triggers_of_value(&value), only(LayerTriggers::EXTERNAL_SERVICES, external), "{value}");
        }
    }
}

/// A service that is wrongly detected is a smaller error than one that is missed.
#[rstest]
#[case("postgres://user:pass/word@db.example.com/shop")]
#[case("postgres://user:pass#word@db.example.com:5432")]
#[case("postgres://db/a@b.example.com")]
fn an_ambiguous_address_is_external_when_either_reading_is(#[case] value: &str) {
    assert_eq!(triggers_of_value(value), only(LayerTriggers::EXTERNAL_SERVICES, true));
}

#[rstest]
#[case("postgres://db.shop.SVC/shop")]
#[case("postgres://DB.Shop.Svc.Cluster.Local:5432/shop")]
fn the_names_of_the_cluster_are_known_in_any_case(#[case] value: &str) {
    assert_eq!(triggers_of_value(value), nothing());
}

#[rstest]
#[case("https://db.example.com")]
#[case("db.example.com")]
#[case("db.example.com:5432")]
#[case("postgres:db.example.com")]
#[case("see postgres://db.example.com")]
#[case("POSTGRES://db.example.com")]
#[case("postgres://")]
#[case("jdbc:")]
#[case("jdbc:h2:mem:shop")]
#[case("jdbc:sqlite:/data/shop.db")]
#[case("")]
fn a_value_that_is_no_address_of_a_known_scheme_is_not_external(#[case] value: &str) {
    assert_eq!(triggers_of_value(value), nothing());
}

#[rstest]
#[case("mongodb://a.example.com:27017,b.example.com:27017/shop?replicaSet=rs0", true)]
#[case("mongodb://user:password@a.example.com,b.example.com,c.example.com/shop", true)]
#[case("mongodb://mongo-0.mongo.shop.svc:27017,mongo-1.mongo.shop.svc:27017/shop?appName=a.b", false)]
#[case("mongodb://mongo-0.mongo.shop.svc.cluster.local,mongo-1.mongo.shop.svc.cluster.local", false)]
#[case("mongodb://a,b,c/shop", false)]
#[case("mongodb://mongo.shop.svc,mongo/shop", false)]
#[case("mongodb://mongo.example.com,mongo.shop.svc/shop", true)]
#[case("mongodb://mongo.shop.svc,mongo.example.com/shop", true)]
fn several_hosts_in_one_address_are_understood(#[case] value: &str, #[case] external: bool) {
    assert_eq!(triggers_of_value(value), only(LayerTriggers::EXTERNAL_SERVICES, external));
}

#[rstest]
#[case("jdbc:sqlserver://db.example.com:1433;databaseName=shop;user=app", true)]
#[case("jdbc:sqlserver://db.example.com;encrypt=true", true)]
#[case("jdbc:sqlserver://db;hostNameInCertificate=db.example.com", false)]
#[case("jdbc:sqlserver://db.shop.svc;encrypt=true", false)]
#[case("jdbc:oracle:thin:@//db.example.com:1521/shop", true)]
#[case("jdbc:oracle:thin:@//db:1521/shop.example.com", false)]
#[case("jdbc:mysql:loadbalance://db.example.com,db2.example.com/shop", true)]
#[case("jdbc:oracle:thin:@db.example.com:1521:ORCL", true)]
#[case("jdbc:oracle:thin:scott/tiger@db.example.com:1521/shop", true)]
#[case("jdbc:oracle:thin:scott/tiger@db:1521/shop", false)]
#[case("jdbc:sqlserver://;serverName=db.example.com;databaseName=shop", true)]
#[case("jdbc:sqlserver://;SERVERNAME=db.shop.svc", false)]
fn the_spellings_of_jdbc_addresses_are_understood(#[case] value: &str, #[case] external: bool) {
    assert_eq!(triggers_of_value(value), only(LayerTriggers::EXTERNAL_SERVICES, external));
}

#[test]
fn a_variable_without_a_literal_value_addresses_nothing() {
    let reference = json!({ "name": "UPSTREAM", "valueFrom": { "configMapKeyRef": { "name": "a", "key": "b" } } });
    assert_eq!(triggers_of_env(&reference), nothing());
    assert_eq!(triggers_of_env(&json!({ "name": "UPSTREAM" })), nothing());
    let secret = json!({ "name": "UPSTREAM", "valueFrom": { "secretKeyRef": { "name": "a", "key": "b" } } });
    assert_eq!(triggers_of_env(&secret), only(LayerTriggers::SECRETS, true));
}
