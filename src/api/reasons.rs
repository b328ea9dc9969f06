//! The fixed words of findings: why a duty is a gap, and what is a risk.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The states of a duty that are gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapState {
    /// Nobody claims it.
    Unowned,
    /// Only invalid claims.
    Invalid,
    /// Several parties at the same rank.
    Conflicted,
    /// Held under an assignment whose review has lapsed.
    Lapsed,
}

impl GapState {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unowned => "Unowned",
            Self::Invalid => "Invalid",
            Self::Conflicted => "Conflicted",
            Self::Lapsed => "Lapsed",
        }
    }

    /// The word of the Event that tells that a duty came into this state.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Unowned => "LayerUnowned",
            Self::Invalid => "LayerInvalid",
            Self::Conflicted => "LayerConflicted",
            Self::Lapsed => "DutyLapsed",
        }
    }
}

/// What is wrong with a duty of which Events tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpenState {
    /// Nobody validly holds it.
    Gap(GapState),
    /// It is seen not to be done, whoever holds it; by this signal.
    Unfulfilled(String),
}

impl OpenState {
    const GAPS: [GapState; 4] = [GapState::Unowned, GapState::Invalid, GapState::Conflicted, GapState::Lapsed];

    /// The one that is written so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("Unfulfilled", signal)) => Some(Self::Unfulfilled(signal.to_owned())),
            Some(_) => None,
            None => Self::GAPS.into_iter().find(|state| state.name() == text).map(Self::Gap),
        }
    }

    /// The word of the Event that tells that a duty came into this state.
    #[must_use]
    pub const fn event(&self) -> &'static str {
        match self {
            Self::Gap(state) => state.event(),
            Self::Unfulfilled(_) => "DutyUnfulfilled",
        }
    }
}

impl fmt::Display for OpenState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap(state) => f.write_str(state.name()),
            Self::Unfulfilled(signal) => write!(f, "Unfulfilled:{signal}"),
        }
    }
}

/// Words with a meaning: the documentation of a word is what the reference says of it.
macro_rules! reasons {
    ($(#[doc = $about:literal])+ $words:ident { $(#[doc = $meaning:literal] $word:ident,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $words {
            $(#[doc = $meaning] $word,)+
        }

        impl $words {
            /// All words in their order.
            pub const ALL: &[Self] = &[$(Self::$word),+];

            /// The word in statuses.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word),)+
                }
            }

            /// What it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$word => $meaning.trim(),)+
                }
            }
        }

        impl JsonSchema for $words {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($words).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    // A pattern instead of an enum: a status written by a newer version stays readable in the API.
                    "pattern": "^[A-Z][A-Za-z]{0,63}$",
                    "description": concat!($($about),+).trim(),
                })
            }
        }
    };
}

reasons! {
    /// Why a duty is validly held by nobody. In order of weight: the first that applies is shown.
    GapReason {
        /// A retained duty was given away: "the provider handles everything".
        NotTransferable,
        /// The party's role does not fit the duty.
        RoleMismatch,
        /// A party holds it for another without an agreement.
        AgreementMissing,
        /// The platform's party never accepted this duty from a namespace.
        NotAccepted,
        /// The party is declared nowhere.
        UnknownParty,
        /// Several parties claim it at the same rank.
        OverlappingAssignments,
        /// The review of the assignment that gives it to its holder has lapsed.
        ReviewLapsed,
        /// The other half of the layer is owned, this one is not.
        SharedLayerHalfOwned,
        /// Nobody claims it.
        LayerUnowned,
    }
}

impl GapReason {
    /// The state of a duty with such a gap.
    #[must_use]
    pub const fn state(self) -> GapState {
        match self {
            Self::NotTransferable
            | Self::RoleMismatch
            | Self::AgreementMissing
            | Self::NotAccepted
            | Self::UnknownParty => GapState::Invalid,
            Self::OverlappingAssignments => GapState::Conflicted,
            Self::ReviewLapsed => GapState::Lapsed,
            Self::SharedLayerHalfOwned | Self::LayerUnowned => GapState::Unowned,
        }
    }
}

reasons! {
    /// What is no gap and may become one or hide one. In the order in which the rows are listed.
    RiskReason {
        /// A claimed service model would take customer duties away that the cluster shows.
        ServiceModelContradicted,
        /// The service model is the namespace's own word: nothing else tells one.
        ServiceModelSelfDeclared,
        /// A provider is named for a layer that owes no provider duty.
        ProviderClaimsCustomerLayer,
        /// A customer is named for a layer that owes no customer duty.
        CustomerClaimsProviderLayer,
        /// A customer duty is done by another party and nobody answers for it.
        AccountableMissing,
        /// The namespace names another party than the cluster assignment that decides.
        ClaimOverruled,
        /// A namespace declares a party that the cluster declares.
        PartyRedefined,
        /// All customer duties of a workload are left to one party that is no customer.
        BlanketProviderAssignment,
        /// The assignment names providers only.
        CustomerDutiesEmpty,
        /// Nothing shows that the provider fulfils a duty that it holds.
        ProviderClaimWithoutEvidence,
        /// All evidence for a provider duty has ended: it is assumed.
        EvidenceLapsed,
        /// Evidence ends within 30 days.
        EvidenceExpiring,
        /// Evidence of a provider is attached to a customer duty.
        EvidenceOfWrongHalf,
        /// Backup is left to a party whose agreement does not list it.
        BackupAssumedProvided,
        /// Network segmentation has an owner and no NetworkPolicy selects the pods.
        SegmentationAssumed,
        /// The node's system is the provider's, and the pod reaches into it.
        HostAccessDefeatsProviderNodes,
        /// The pod asks for what its compute does not offer.
        ImpossibleOnDeclaredCompute,
        /// An exception that may not be made here, or reaches too far ahead.
        ExceptionRefused,
        /// An exception whose date has passed.
        ExceptionExpired,
        /// The review is due within 30 days, or overdue.
        ReviewDue,
        /// Nobody is asked to review the assignment.
        ReviewMissing,
        /// A party has not acknowledged its duties as they are.
        Unacknowledged,
        /// A party that holds duties has no contact.
        OwnerUnreachable,
        /// The assignment selects no workload.
        MatchesNothing,
    }
}

reasons! {
    /// Whether a duty is fulfilled, by what is seen in the cluster.
    Fulfilment {
        /// What is seen shows that it is done.
        Fulfilled,
        /// What is seen shows that it is not done.
        Unfulfilled,
        /// What was seen is too old to count.
        Stale,
        /// Nothing shows it: no signal speaks of it, or its source is not there or cannot be read. Absence is never a pass.
        Unknown,
        /// Nobody holds it, under an exception.
        NotApplicable,
    }
}
