// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The auditor: knows what providers billed, what clients asked and saw, which pools the operator
// set, and reads the committed rows of ledger.db with SQL of its own. It checks the invariants
// I1…I13 of the simulator and shares no arithmetic with the ledger. The first broken one is kept.

#include "core/activity/decision.h"
#include "core/base/sqlite.h"
#include "core/ledger/engine.h"
#include "tests/sim/client.h"
#include "tests/sim/providers.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace headgate::sim {

class SimDisk;

struct Broken {
    std::string invariant; ///< "I2"
    std::string story;
};

class Auditor final : public ProviderWatch {
public:
    Auditor(World& world, const Scenario& scenario, SimDisk& disk, std::string path);
    ~Auditor() override;

    // --- what the world tells
    void onClient(const std::shared_ptr<ClientRequest>& request);
    void onDecisionId(int client, DecisionId id);
    void onDecision(int client, const activity::Decision& decision);
    void onBytesAtProvider(const ProviderCall& call) override;
    void onBilled(const ProviderCall& call, Money growth) override;
    void onProviderDone(const ProviderCall& call) override;
    /// After each commit of the running ledger.
    void onCommit();
    /// The wall clock was set: time that nobody wrote down did not happen.
    void onClockStepped();

    // --- when a process begins or ends
    void hostStarted(const ledger::LedgerEngine& engine);
    void hostEnded(); ///< lets go of the file

    // --- at the end
    void checkQuiet(const ledger::LedgerEngine& engine); ///< I8, first half; I5
    void checkProbe(const ClientRequest& request); ///< I8, second half
    void checkAtRest(); ///< I11; the file is closed
    void checkUtilisation(); ///< I13

    [[nodiscard]] const std::optional<Broken>& broken() const { return m_broken; }
    void fail(const std::string& invariant, const std::string& story);
    [[nodiscard]] Money billedTotal() const { return m_billedTotal; }
    struct Counts {
        int holds = 0;
        int overruns = 0;
        int refusals = 0;
        int served = 0;
        std::int64_t commits = 0;
    };
    [[nodiscard]] const Counts& counts() const { return m_counts; }
    [[nodiscard]] const std::vector<ledger::Pool>& pools() const { return m_pools; }

private:
    /// A pool under which a call was granted.
    struct Cover {
        PoolId pool;
        int epoch = 0;
        std::string value;
        bool isHard = true;
    };
    struct Hold {
        std::int64_t id = 0;
        std::string requestId;
        int client = 0;
        Money amount;
        Money charged;
        std::string provider;
        std::string model;
        TimeUs atUs = 0;
        TimeUs endedUs = 0; ///< 0: open
        bool isDispatched = false;
        bool isReleased = false;
        int call = 0; ///< the provider's number; 0: no byte went out
        Money billed;
        Money counted; ///< of it: what the caps must cover
        std::vector<Cover> covers;
    };
    struct Account {
        std::int64_t id = 0;
        PoolId pool;
        std::string value;
        TimeUs windowStartUs = 0;
        Money settled;
        Money held;
        Money toppedUp;
        TimeUs refilledUs = 0; ///< buckets: the line of the last refill, or the first of all
        bool mayExceed = false; ///< an overrun, adjustment, edit explains a balance above the cap
    };
    /// One wording of a pool, as long as it was in force.
    struct Version {
        ledger::Pool pool;
        int epoch = 0; ///< counts changes of scope, window, zone and hardness
        TimeUs fromUs = 0;
        TimeUs toUs = 0; ///< 0: still
    };
    struct BillLine {
        TimeUs atUs = 0;
        Money amount;
        std::int64_t hold = 0;
    };
    struct Gift { ///< a top-up, or an adjustment that gave money back
        TimeUs atUs = 0;
        Money amount;
        std::string value;
    };
    using Group = std::tuple<PoolId, int, std::string>; ///< pool, epoch, value
    struct Line;

    // auditor.cpp: the journal
    [[nodiscard]] bool open();
    void readPools();
    void readNewLines();
    void apply(const Line& line);
    void applyToAccounts(const Line& line);
    void applyHold(const Line& line);
    void applyEnd(const Line& line);
    void checkGrant(const Line& line, const Hold& hold);
    void checkRefill(Account& one, const Line& line);
    void checkGrantAgainstBills(const Account& one, const ledger::Pool& pool, const Hold& hold);
    [[nodiscard]] std::vector<std::int64_t> accountsOf(std::int64_t set);
    [[nodiscard]] Account* account(std::int64_t id);
    void readHold(Hold& hold);
    void compareBalances();
    void compareWhole();
    [[nodiscard]] std::vector<Cover> coversOf(const Hold& hold) const;
    [[nodiscard]] const Version* versionOf(PoolId pool) const;

    // audit_bills.cpp: what was billed against the caps
    [[nodiscard]] TimeUs ledgerNow() const;
    void addBill(Hold& hold, Money amount);
    void checkGroup(const Group& group, const Hold& hold, TimeUs at);
    [[nodiscard]] const Version* versionOf(PoolId pool, int epoch) const;
    [[nodiscard]] Money capDuring(const Group& group, TimeUs fromUs, TimeUs toUs) const;
    [[nodiscard]] Money giftsDuring(const Group& group, TimeUs fromUs, TimeUs toUs) const;
    [[nodiscard]] Money billedBetween(const Group& group, TimeUs fromUs, TimeUs toUs) const;
    void checkWindow(const Group& group, TimeUs fromUs, TimeUs toUs);
    void checkBucket(const Group& group);
    void checkSession(const Group& group);
    void checkOperation(const Group& group, const Hold& hold);
    void checkBooksCoverBills();

    World& m_world;
    const Scenario& m_scenario;
    SimDisk& m_disk;
    std::string m_path;
    std::optional<Broken> m_broken;
    Counts m_counts;

    sqlite::Connection m_connection;
    sqlite::Statement m_newLines, m_members, m_account, m_hold, m_state, m_poolRows;
    std::int64_t m_lastSequence = 0;
    TimeUs m_lastAtUs = 0;
    std::vector<ledger::Pool> m_pools;
    std::map<PoolId, std::vector<Version>> m_versions;
    std::map<std::int64_t, Account> m_accounts;
    std::map<std::int64_t, std::vector<std::int64_t>> m_sets;
    std::map<std::int64_t, Hold> m_holds;
    std::map<std::tuple<PoolId, std::string>, TimeUs> m_newestWindow;
    std::map<PoolId, int> m_newestEpoch;

    std::map<int, std::shared_ptr<ClientRequest>> m_clients;
    std::map<std::string, int> m_clientByLedgerId;
    std::map<int, std::string> m_ledgerIds; ///< of clients
    std::map<int, std::int64_t> m_holdByCall;
    std::map<int, ProviderCall> m_calls;
    std::map<std::string, std::set<int>> m_servedByName; ///< I6

    std::map<Group, std::vector<BillLine>> m_bills;
    std::map<PoolId, std::vector<Gift>> m_gifts;
    std::map<PoolId, Money> m_refunds; ///< adjustments that gave money back, all together
    std::set<Group> m_billedSinceCommit;
    Money m_billedTotal;
    std::optional<Money> m_billedAtFirstRefusal;
    std::optional<Money> m_capAtFirstRefusal;
};

} // namespace headgate::sim
