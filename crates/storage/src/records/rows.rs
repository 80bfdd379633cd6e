//! Rows to and from the types of the directory.

use super::{groups, people};
use crate::error::StorageError;
use crate::seal::SealKey;
use coeur_directory::{
    Account, AccountId, AlgorithmPolicy, Aor, Device, DeviceId, Domain, Dtmf, FORWARD_AFTER_S, Forwarding,
    PickupGroups, RecordPolicy, TenantId, Terms, UserId,
};
use rusqlite::{Connection, Row};

/// What [`domain`] reads, in its order.
pub(super) const DOMAINS: &str = "SELECT name, algorithm, contacts_max, expires_min_s, expires_default_s, expires_max_s, tenant FROM domains";

pub(super) fn domain(row: &Row<'_>) -> rusqlite::Result<Domain> {
    let name: String = row.get(0)?;
    Ok(Domain {
        name: name.into_boxed_str(),
        algorithm: policy(row, 1)?,
        contacts_max: row.get(2)?,
        expires_min_s: row.get(3)?,
        expires_default_s: row.get(4)?,
        expires_max_s: row.get(5)?,
        tenant: TenantId(row.get::<_, i64>(6)? as u64),
    })
}

/// What [`account`] reads, in its order.
pub(super) const ACCOUNTS: &str =
    "SELECT id, user, domain, display_name, enabled, policy, contacts_max, terms,
    forward_always, forward_busy, forward_no_answer, forward_offline, forward_after_s, do_not_disturb,
    picked_up, pickup_groups, record, owner, in_groups FROM accounts";

/// `None` for an address that is none.
pub(super) fn account(row: &Row<'_>) -> rusqlite::Result<Option<Account>> {
    let (user, domain) = (row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
    let Ok(aor) = Aor::new(user, domain) else { return Ok(None) };
    let mut account = Account::new(AccountId(row.get::<_, i64>(0)? as u64), aor);
    account.display_name = row.get_ref(3)?.as_str()?.into();
    account.enabled = row.get(4)?;
    account.policy = policy(row, 5)?;
    account.contacts_max = row.get(6)?;
    let terms = people::terms(row, 7)?;
    account.terms = (terms != Terms::default()).then(|| Box::new(terms));
    account.forwarding = forwarding(row)?;
    account.picked_up = row.get(14)?;
    // Names that we did not write let nobody pick up.
    account.pickup_groups = PickupGroups::parse(row.get_ref(15)?.as_str()?).unwrap_or_default();
    // An unknown word can only come from a newer program, which `TooNew` keeps away.
    account.record = RecordPolicy::parse(row.get_ref(16)?.as_str()?).unwrap_or_default();
    account.groups = groups::of_text(row.get_ref(18)?.as_str()?);
    account.user = row.get::<_, Option<i64>>(17)?.map(|user| UserId(user as u64));
    Ok(Some(account))
}

fn forwarding(row: &Row<'_>) -> rusqlite::Result<Option<Box<Forwarding>>> {
    let target =
        |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<String>>(column)?.map(String::into_boxed_str));
    let rules = Forwarding {
        always: target(8)?,
        busy: target(9)?,
        no_answer: target(10)?,
        offline: target(11)?,
        after_s: row.get::<_, Option<u16>>(12)?.unwrap_or(FORWARD_AFTER_S),
        do_not_disturb: row.get(13)?,
    };
    Ok((rules != Forwarding::default()).then(|| Box::new(rules)))
}

/// `id, name, policy, created_at_s, proved_sha256, ha1, dtmf`; `None` when the sealed values do not open.
pub(super) fn device(row: &Row<'_>, account: &Account, key: &SealKey) -> rusqlite::Result<Option<Device>> {
    let id = DeviceId(row.get::<_, i64>(0)? as u64);
    let Some(ha1) = key.open_sealed(row.get_ref(5)?.as_blob()?, &seal_context(account.id, id, &account.aor))
    else {
        return Ok(None);
    };
    let created_at_s: i64 = row.get(3)?;
    let mut device = Device::new(id, row.get_ref(1)?.as_str()?, ha1, policy(row, 2)?, created_at_s as u64);
    device.dtmf = Dtmf::parse(row.get_ref(6)?.as_str()?).unwrap_or_default();
    if row.get(4)? {
        device.prove_sha256();
    }
    Ok(Some(device))
}

/// The error when there are sealed values and none of them opens. Usually the first one does, and no other is read.
pub(super) fn try_key(connection: &Connection, key: &SealKey) -> rusqlite::Result<Option<StorageError>> {
    let sql = "SELECT devices.ha1, devices.id, accounts.id, user, domain
        FROM devices JOIN accounts ON accounts.id = devices.account";
    let mut statement = connection.prepare(sql)?;
    let mut devices = statement.query([])?;
    let mut values = 0;
    while let Some(row) = devices.next()? {
        let Ok(aor) = Aor::new(row.get_ref(3)?.as_str()?, row.get_ref(4)?.as_str()?) else { continue };
        let (device, account) =
            (DeviceId(row.get::<_, i64>(1)? as u64), AccountId(row.get::<_, i64>(2)? as u64));
        if key.open_sealed(row.get_ref(0)?.as_blob()?, &seal_context(account, device, &aor)).is_some() {
            return Ok(None);
        }
        values += 1;
    }
    Ok((values > 0).then_some(StorageError::Unsealable { values }))
}

/// What a sealed value is bound to.
pub(super) fn seal_context(account: AccountId, device: DeviceId, aor: &Aor) -> Vec<u8> {
    let mut context = Vec::with_capacity(17 + aor.as_str().len());
    context.extend_from_slice(&account.0.to_be_bytes());
    context.extend_from_slice(&device.0.to_be_bytes());
    context.extend_from_slice(aor.as_str().as_bytes());
    context
}

fn policy(row: &Row<'_>, column: usize) -> rusqlite::Result<AlgorithmPolicy> {
    // An unknown word can only come from a newer program, which `TooNew` keeps away.
    Ok(AlgorithmPolicy::parse(row.get_ref(column)?.as_str()?).unwrap_or_default())
}
