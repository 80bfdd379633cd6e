//! How calls sounded, in groups.

use crate::served::Served;
use coeur_storage::{CallRow, Keep, SideRow, WayRow};
use serde_json::{Value, json};

const KEEP: Keep = Keep { days: 365, calls: 1_000_000 };
const NOW_MS: u64 = 1_800_000_000_000;

/// Three calls, an hour between each; the second is bad, and of the third somebody was not heard.
fn served(name: &str) -> Served {
    let served = Served::new(name);
    let side = |codec: &str, mos| SideRow {
        account: Some("alice@d".into()),
        user_agent: "Desk/1.0".into(),
        transport: Some("tls".into()),
        codec: Some(codec.into()),
        received: WayRow {
            packets: Some(980),
            lost: Some(20),
            jitter_us: Some(5_000),
            mos_hundredths: Some(mos),
        },
        ..SideRow::default()
    };
    let call = |n: u64, mos, verdict: Option<&str>| CallRow {
        id: u128::from(NOW_MS + n * 3_600_000) << 80 | 7 << 76 | 2 << 62 | u128::from(n),
        ring_after_ms: None,
        answered_at_ms: Some(NOW_MS + n * 3_600_000),
        ended_at_ms: NOW_MS + n * 3_600_000 + 60_000,
        status: 200,
        ended_by: "caller".into(),
        reason: None,
        q850_cause: None,
        to: "sip:desk@d".into(),
        media: None,
        transfer_of: None,
        forwarded_by: None,
        verdict: verdict.map(Into::into),
        caller: side("opus/48000/2", mos),
        callee: Some(side("PCMA/8000", 430)),
        payer: None,
    };
    let calls = [call(0, 420, None), call(1, 300, None), call(2, 410, Some("caller: a new cause"))];
    served.door.keep_calls(&calls, KEEP).map_err(|why| why.text).expect("they are kept");
    served
}

#[test]
fn calls_are_counted_in_groups_by_who_may_read_their_records() {
    let served = served("quality-groups");
    let ask = |query: &str| {
        let path =
            format!("/api/v1/call_quality?since=2027-01-15T08:00:00Z&until=2027-01-15T11:00:00Z&{query}");
        served.ask("GET", &path)
    };
    let found = ask("by=codec").json();
    let expected = json!({ "name": "PCMA/8000", "count": 3, "scored": 3, "mos_median": 4.3, "mos_p5": 4.3, "bad": 0, "bad_pct": 0.0 });
    assert_eq!(found["groups"][0], expected, "{found}");
    let other = &found["groups"][1];
    assert_eq!(
        (&other["mos_median"], &other["bad"], &other["bad_pct"]),
        (&json!(4.1), &json!(2), &json!(66.7))
    );
    assert_eq!(found["total"]["count"], 3, "a call is one, whatever it is grouped by");
    assert_eq!((&found["by"], &found["has_more"]), (&json!("codec"), &json!(false)));
    let worst: Vec<&Value> = found["worst"].as_array().expect("a list").iter().collect();
    assert_eq!(worst.len(), 2);
    assert_eq!(worst[0]["verdict"], "caller: a new cause");
    let hours = ask("by=hour").json();
    let names = hours["groups"].as_array().expect("a list").iter().map(|group| group["name"].clone());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["2027-01-15T08:00:00Z", "2027-01-15T09:00:00Z", "2027-01-15T10:00:00Z"]
    );
    assert_eq!(ask("").json(), hours, "by hour unless said");
    let cell = &ask("by=network").json()["groups"][0];
    assert_eq!((&cell["loss_pct"], &cell["jitter_ms"], &cell["count"]), (&json!(2.0), &json!(4), &json!(6)));
    let causes = ask("by=cause").json();
    let causes = causes["groups"].as_array().expect("a list").iter().map(|group| group["name"].clone());
    assert_eq!(
        causes.collect::<Vec<_>>(),
        [Value::Null, json!("low_score")],
        "the house here knows no cause"
    );
}

#[test]
fn nobody_counts_calls_who_may_not_read_them_and_a_wrong_question_is_said_to_be_one() {
    let served = served("quality-rights");
    let ask = |token: &str, query: &str| {
        let bearer = format!("Bearer {token}");
        served.send("GET", &format!("/api/v1/call_quality{query}"), &[("Authorization", &bearer)], "").status
    };
    assert_eq!((ask("auditor", ""), ask("nobody's", ""), ask("user:1", "")), (200, 401, 403));
    for wrong in ["?by=weekday", "?since=yesterday", "?since=2027-01-15T08:00:00Z&until=2026-01-15T08:00:00Z"]
    {
        assert_eq!(ask("auditor", wrong), 400, "{wrong}");
    }
}
