//! What is one's own, and the web phone's ticket.

use crate::served::Served;
use serde_json::json;

/// That a ticket opens a connection for its account alone is in `crates/server/tests/phone_ticket.rs`.
#[test]
fn a_ticket_is_for_ones_own_accounts_and_for_others_only_where_one_could_give_them_a_secret() {
    let served = Served::new("me");
    assert_eq!(served.give("POST", "/api/v1/accounts", json!({ "account": "alice@d" })).status, 201);
    let ask = |role: &str, body: serde_json::Value| {
        let headers =
            [("Authorization", format!("Bearer {role}")), ("Content-Type", "application/json".into())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        served.send("POST", "/api/v1/me/phone_ticket", &headers, &body.to_string())
    };
    // Nobody's account is named, and nobody learns whether there is one.
    for account in ["alice@d", "nobody@d"] {
        let refused = ask("user", json!({ "account": account }));
        assert_eq!((refused.status, refused.code().as_str()), (404, "not_found"), "{account}");
    }
    assert_eq!(ask("user", json!({})).status, 404);
    let mine = served.send("GET", "/api/v1/me/accounts", &[("Authorization", "Bearer user")], "");
    assert_eq!(mine.json(), json!({ "data": [] }));
    // Where no server speaks SIP over WebSocket; what was asked for is written down all the same.
    assert_eq!(ask("operator", json!({ "account": "alice@d" })).status, 409);
    let rows = served.ask("GET", "/api/v1/audit_log?limit=5").json();
    let noted = rows["data"].as_array().unwrap().iter().find(|row| row["action"] == "phone.ticket");
    assert_eq!(noted.map(|row| row["subject"].as_str()), Some(Some("alice@d")), "{rows}");
    assert_eq!(ask("auditor", json!({ "account": "alice@d" })).status, 404);
}
