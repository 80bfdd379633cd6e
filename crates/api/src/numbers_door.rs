//! The inventory of numbers at the door. A number is assigned by making it a further address of an account, and by nothing else.

use crate::calls::rfc3339;
use crate::door::{Door, ROWS_MAX, not_written, refuse};
use crate::ids::Id;
use crate::model::{Refusal, Reply, Why};
use crate::numbers::{
    NewNumbers, NumberAmendment, NumbersAdded, NumbersPage, NumbersReply, NumbersRequest, TenantNumberView,
};
use coeur_directory::{
    Account, AliasChange, Aor, Change, ChangeError, E164, HeldNumber, Number, NumberChange, NumberId,
    NumberPatch, NumberState, Wanted,
};
use coeur_storage::Operator;
use std::sync::Arc;

/// In place of a number: whichever is free.
const NEXT: &str = "next";

impl Door {
    pub(crate) fn numbers(&self, operator: &Operator, request: NumbersRequest) -> Result<Reply, Refusal> {
        let reply = match request {
            NumbersRequest::List { tenant, state, q, after, limit } => {
                let wanted = q.as_deref().and_then(Wanted::new);
                let after = after.as_deref().map(e164).transpose()?;
                self.numbers_page(tenant.as_deref(), &state, wanted.as_ref(), after.as_ref(), limit)?
            }
            NumbersRequest::Add(new) => NumbersReply::Added(self.add_numbers(operator, &new)?),
            NumbersRequest::Show { number } => {
                NumbersReply::Number(Box::new(self.number_view(self.number(&number)?)))
            }
            NumbersRequest::Change { number, change } => {
                return self.change_number(operator, &number, &change);
            }
            NumbersRequest::Remove { number } => {
                let id = self.number(&number)?.id;
                return self.change(operator, Change::Number(NumberChange::Removed(id)));
            }
        };
        Ok(Reply::Numbers(reply))
    }

    /// A number of the inventory that no account has, for an account of this tenant: the one that is named, or for `next` the
    /// first in the order of digits.
    pub(crate) fn free_number(&self, tenant: Option<&str>, wanted: &str) -> Result<Arc<Number>, Refusal> {
        let (tenant, directory) = (self.tenant_or_first(tenant)?, self.directory());
        if wanted == NEXT {
            let none = || Refusal::new(Why::NotNow, "no number of the inventory is free");
            return directory.free_number(tenant).ok_or_else(none);
        }
        let number = self.number(wanted)?;
        if number.tenant != tenant {
            return Err(Refusal::new(Why::NotFound, format!("there is no number `{wanted}`")));
        }
        match directory.holder(tenant, &number.e164) {
            Some(holder) => Err(Refusal::new(
                Why::Exists,
                format!("{} has the number {}", holder.account.aor, number.e164),
            )),
            None => Ok(number),
        }
    }

    /// By its id or by itself.
    fn number(&self, text: &str) -> Result<Arc<Number>, Refusal> {
        let directory = self.directory();
        let found = match NumberId::parse(text) {
            Some(id) => directory.number(id),
            None => directory.number_of(&e164(text)?),
        };
        found.ok_or_else(|| Refusal::new(Why::NotFound, format!("there is no number `{text}`")))
    }

    fn number_view(&self, number: Arc<Number>) -> TenantNumberView {
        let holder = self.directory().holder(number.tenant, &number.e164);
        let (e164, tenant) = (number.e164.clone(), number.tenant);
        view(&HeldNumber { e164, tenant, number: Some(number), holder })
    }

    fn numbers_page(
        &self,
        tenant: Option<&str>,
        state: &str,
        wanted: Option<&Wanted>,
        after: Option<&E164>,
        limit: usize,
    ) -> Result<NumbersReply, Refusal> {
        let tenant = tenant.map(|text| self.tenant(text)).transpose()?.map(|tenant| tenant.id);
        let state = NumberState::parse(state).ok_or_else(|| {
            let text = format!("state `{state}` is none of any, free, assigned, unlisted");
            Refusal::new(Why::Invalid, text)
        })?;
        let limit = limit.clamp(1, ROWS_MAX);
        let mut page = self.directory().numbers_page(tenant, state, wanted, after, limit + 1);
        let more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().filter(|_| more).map(|row| row.e164.to_string());
        Ok(NumbersReply::Page(NumbersPage { numbers: page.iter().map(view).collect(), next }))
    }

    fn add_numbers(&self, operator: &Operator, new: &NewNumbers) -> Result<NumbersAdded, Refusal> {
        let tenant = self.tenant_or_first(new.tenant.as_deref())?;
        let first = e164(&new.first)?;
        let range = match &new.last {
            Some(last) => {
                first.range(&e164(last)?).map_err(|why| Refusal::new(Why::Invalid, why.to_string()))?
            }
            None => vec![first],
        };
        let (known, fresh): (Vec<E164>, Vec<E164>) =
            range.into_iter().partition(|e164| self.directory().number_of(e164).is_some());
        // Who names one number alone means that it is not there.
        if let (None, Some(known)) = (&new.last, known.first()) {
            return Err(refuse(ChangeError::NumberExists(known.clone())));
        }
        let texts = |numbers: &[E164]| numbers.iter().map(E164::to_string).collect();
        let added = NumbersAdded { made: texts(&fresh), known: texts(&known) };
        let (address, note, at) =
            (text(&new.emergency_address), text(&new.note), self.house().unix_time_ms());
        let mut numbers = Vec::with_capacity(fresh.len());
        for e164 in fresh {
            let id = self.records().next_number_id().map_err(not_written)?;
            let (emergency_address, note) = (address.clone(), note.clone());
            numbers.push(Number { id, tenant, e164, emergency_address, note, created_at_ms: at });
        }
        if !numbers.is_empty() {
            self.change(operator, Change::Number(NumberChange::Added(numbers.into())))?;
        } else if operator.is_rehearsing() {
            return Err(Refusal::new(Why::Rehearsed, "nothing would be done"));
        }
        Ok(added)
    }

    /// What is said of it and whose it is, in one commit.
    fn change_number(
        &self,
        operator: &Operator,
        number: &str,
        change: &NumberAmendment,
    ) -> Result<Reply, Refusal> {
        let known = self.number(number)?;
        let NumberAmendment { emergency_address, note, account, from } = change;
        if emergency_address.is_none() && note.is_none() && account.is_none() {
            return Err(Refusal::new(Why::Invalid, "nothing to change was given"));
        }
        let patch = NumberPatch {
            emergency_address: emergency_address.as_deref().map(text),
            note: note.as_deref().map(text),
        };
        let mut changes = Vec::new();
        if patch != NumberPatch::default() {
            changes.push(Change::Number(NumberChange::Changed { id: known.id, patch }));
        }
        if let Some(account) = account {
            let account = account.as_deref().map(|account| self.account(account)).transpose()?;
            changes.extend(self.given(&known, account.as_deref(), from.as_deref())?);
        }
        self.changes_at_once(operator, &changes)?;
        Ok(Reply::Done)
    }

    /// The change after which this account has it, and nobody else; `None`: it is so already.
    fn given(
        &self,
        number: &Number,
        to: Option<&Account>,
        from: Option<&str>,
    ) -> Result<Option<Change>, Refusal> {
        let holder = self.directory().holder(number.tenant, &number.e164);
        let from = from.map(|from| self.account(from)).transpose()?;
        if let Some(from) = &from
            && holder.as_ref().is_none_or(|holder| holder.account.aor != from.aor)
        {
            let text = format!("{} has not the number {}", from.aor, number.e164);
            return Err(Refusal::new(Why::NotNow, text));
        }
        let Some(holder) = holder else {
            return to.map(|to| self.first_given(number, to)).transpose();
        };
        let has = holder.account.aor.clone();
        if to.is_some_and(|to| to.aor == has) {
            return Ok(None);
        }
        if holder.is_main() {
            let text = format!("{} is the address of this account itself, and stays its own", number.e164);
            return Err(Refusal::new(Why::NotNow, text));
        }
        let alias = holder.address;
        let change = match to {
            None => AliasChange::Removed { aor: has, alias },
            Some(_) if from.is_none() => {
                let text = format!("{has} has the number {}: name it as `from` to take it away", number.e164);
                return Err(Refusal::new(Why::Exists, text));
            }
            Some(to) => AliasChange::Moved { from: has, aor: to.aor.clone(), alias },
        };
        Ok(Some(Change::Alias(change)))
    }

    /// In the domain of the account, where those who call it are its neighbours.
    fn first_given(&self, number: &Number, to: &Account) -> Result<Change, Refusal> {
        let domain = self.directory().domain(to.aor.domain().as_bytes());
        if domain.is_none_or(|domain| domain.tenant != number.tenant) {
            let text = format!("{} is of another tenant than the number {}", to.aor, number.e164);
            return Err(Refusal::new(Why::Invalid, text));
        }
        let alias = Aor::new(number.e164.as_str(), to.aor.domain())
            .map_err(|why| Refusal::new(Why::Invalid, why.to_string()))?;
        Ok(Change::Alias(AliasChange::Added { aor: to.aor.clone(), alias }))
    }
}

fn e164(text: &str) -> Result<E164, Refusal> {
    E164::written(text).ok_or_else(|| refuse(ChangeError::NoNumber(text.into())))
}

/// As it is kept: without white space around, and lines that end alike.
fn text(given: &str) -> Box<str> {
    given.trim().replace("\r\n", "\n").into()
}

fn view(row: &HeldNumber) -> TenantNumberView {
    let account = row.holder.as_ref().map(|holder| &holder.account);
    let number = row.number.as_deref();
    let text = |of: fn(&Number) -> &str| number.map(of).unwrap_or_default().to_owned();
    TenantNumberView {
        id: number.map(|number| number.id.text()),
        tenant: row.tenant.text(),
        number: row.e164.to_string(),
        account: account.map(|account| account.aor.to_string()),
        account_id: account.map(|account| account.id.text()),
        account_name: account.map(|account| account.display_name.to_string()),
        emergency_address: text(|number| &number.emergency_address),
        note: text(|number| &number.note),
        created_at: number.map(|number| rfc3339(number.created_at_ms)),
    }
}
