"""Rules of a state machine for what befalls everybody at once: long trouble, clocks, an index, backups, strategies."""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from stores.models import Connection
from syncing.models import SyncJob
from syncing.stock.merge import Rule, offer
from tests.support.backup import Backup, after_restore, resume_everything
from tests.support.misfortune.trouble import TROUBLES, LongTrouble
from tests.support.world import World

MINUTE = 60
# The two answers of whatever is not known of Shopify, for all stores of an example.
KNOBS = {
    "job_seconds": st.sampled_from([0.0, 5.0, 90.0]),
    "job_results": st.booleans(),
    "cancel_restocks_shipped": st.booleans(),
    "unique_custom_ids": st.booleans(),
    "drafts_find_customers": st.booleans(),
    "add_instead_of_set": st.booleans(),
}


class TroubleRules:
    """Mixed into a trade between the first place, the source, and the others."""

    world: World
    strategies: tuple[str, ...] = ()  # how the connections begin; none: they keep theirs
    can_change_strategies = False

    @initialize(
        mode=st.sampled_from(["live", "docs"]),
        early=st.booleans(),
        all_is_lost=st.booleans(),
        same_second=st.booleans(),
        minutes_apart=st.sampled_from([0, 0, -15, -4, 4, 15]),
        lag_minutes=st.sampled_from([0, 0, 1, 15, 30]),
        knobs=st.fixed_dictionaries(KNOBS),
    )
    def open(self, mode, early, all_is_lost, same_second, minutes_apart, lag_minutes, knobs):
        self.trouble, self.backup = None, None
        super().open(mode, early, all_is_lost, same_second)
        self.begin_with_strategies()
        self.world.sim.clock.apart_seconds = minutes_apart * MINUTE
        for place in self.world.places:
            place.shop.knobs.search_lag_seconds = lag_minutes * MINUTE
            for name, value in knobs.items():
                setattr(place.shop.knobs, name, value)

    def begin_with_strategies(self):
        """All in step, since an hour ago."""
        begun_at = self.world.sim.clock.now() - timedelta(hours=1)
        for connection, strategy in zip(self.world.connections, self.strategies, strict=False):
            connection.strategy = connection.aligned_strategy = strategy
            connection.started_at = begun_at
            connection.carries_orders_since = begun_at if connection.carries_orders else None
            connection.save(update_fields=["strategy", "aligned_strategy", "started_at", "carries_orders_since"])

    # Clocks

    @rule(minutes=st.integers(-15, 15))
    def the_product_s_clock_is_put_right_or_wrong(self, minutes):
        self.world.sim.clock.apart_seconds = minutes * MINUTE

    @rule(seconds=st.sampled_from([-3600, -300, -20, 20, 300, 3600]))
    def the_product_s_clock_leaps_in_the_middle_of_a_run(self, seconds):
        def leap():
            self.world.sim.clock.apart_seconds += seconds

        self.world.meanwhile("nodes", leap, after=False)

    @rule(minutes=st.integers(0, 30))
    def the_search_index_falls_behind(self, minutes):
        for place in self.world.places:
            place.shop.knobs.search_lag_seconds = minutes * MINUTE

    # One store in trouble

    @rule(place=st.integers(0, 3), name=st.sampled_from(list(TROUBLES)))
    def a_store_gets_into_trouble(self, place, name):
        self.the_trouble_ends()
        self.trouble = LongTrouble(self.world, self.world.places[place % len(self.world.places)], name)

    @rule()
    def the_trouble_ends(self):
        if self.trouble:
            self.trouble.end()
        self.trouble = None

    @rule(minutes=st.sampled_from([1, 10, 60, 360]), rounds=st.integers(1, 4))
    def the_trouble_goes_on_for_long(self, minutes, rounds):
        for _ in range(rounds if self.trouble else 0):
            self.world.tick(minutes * MINUTE / rounds)
            self.world.deliver()
            self.world.sweep(tries=1)

    @rule(loses_webhooks=st.booleans())
    def the_others_agree_meanwhile(self, loses_webhooks):
        """One store in trouble keeps no other waiting: all that is due among them is done while it lasts."""
        if not self.trouble or self.trouble.place is self.world.places[0]:
            return
        self.trouble.spare_the_others()
        others = [
            (place, connection)
            for place, connection in zip(self.world.places[1:], self.world.connections, strict=True)
            if place is not self.trouble.place
        ]
        if loses_webhooks:
            for place in self.world.places:
                place.lose_webhooks()
        self.world.reconcile(tries=2)
        for _ in range(3):
            self.world.deliver()
            self.world.resolve_holds()
            self.world.carry_orders()
            self.world.carry(tries=2)
        if self.world.unfinished_orders(but_not_of=self.trouble.place):
            return  # an index that lags: a copy is looked for, and its units are held back
        source = self.world.places[0]
        for item in range(len(source.variants)):
            for place, connection in others:
                self.check_pair(item, source, place, connection)

    def check_pair(self, item, source, place, connection):
        quantities = [source.available(item, at) for at in range(len(source.location_ids))]
        shown = [place.available(item, at) for at in range(len(place.location_ids))]
        if connection.is_two_way:
            quantities = [quantity - self.world.owed(source, item, by=connection) for quantity in quantities]
        else:
            rule_of_it = Rule(connection.safety_buffer, connection.cap_quantity, connection.percentage)
            quantities = [offer(sum(quantities) - self.world.owed(source, item), rule_of_it)]
        assert shown == quantities, f"item {item} in {place.store} while {self.trouble.place.store} {self.trouble.name}"

    # An operator

    @rule()
    def a_backup_is_made(self):
        self.backup = Backup()

    @rule(arrive=st.booleans())
    def the_backup_is_restored(self, arrive):
        """From then on what the stores have counts: what happened meanwhile is not known, and is carried nowhere."""
        if not self.backup:
            return
        self.end_of_troubles()
        self.before_a_restore()
        self.world.count_from_now()
        written = [place.writes for place in self.world.places]
        self.backup.restore()
        after_restore()
        if arrive:
            self.world.deliver()
        self.world.work()
        assert [place.writes for place in self.world.places] == written, "it is stopped"
        self.world.connections[:] = Connection.objects.order_by("pk")
        self.world.calm()  # one may have been paused at the time of the backup
        resume_everything()
        self.world.settle()
        self.check_levels()
        self.world.count_from_now()

    @precondition(lambda self: self.can_change_strategies)
    @rule(number=st.integers(0, 3), strategy=st.sampled_from(Connection.Strategy.values), arrive=st.booleans(),
          effect=st.integers(1, 60))  # fmt: skip
    def an_operator_changes_a_strategy(self, number, strategy, arrive, effect):
        """What was under way ends under the strategy that it began under."""
        connection = self.world.connections[number % len(self.world.connections)]
        old = connection.strategy
        if old == strategy:
            return
        self.world.tick(2)  # in whole seconds, an order of the same one would belong to both
        if arrive:
            self.world.deliver()
        self.before_a_change(connection)
        self.world.count_on()  # by the strategies until now
        place = next(each for each in self.world.places if each.store.pk == connection.destination_id)
        known = len(place.shop.changes)
        self.world.choose_strategy(connection, strategy)
        self.backup = None
        with self.world.worker_that_dies(effect):
            self.world.work(tries=1)
        self.end_of_troubles()
        self.world.settle()
        self.after_a_change(connection, old)
        if Connection.Strategy.TWO_WAY in (old, strategy):
            self.world.count_either(place, known)
        self.check_levels()
        self.world.count_from_now()

    def before_a_restore(self):
        """Something to remember of what the restored database will not know."""

    def before_a_change(self, connection):
        """Something to remember of what was under a strategy."""

    def after_a_change(self, connection, old):
        """Something to remember of what happened while another one began."""

    @rule()
    def all_is_calm_for_a_while(self):
        self.end_of_troubles()
        self.world.deliver()
        self.world.settle()
        self.check_levels()
        self.check_ledger()
        self.world.count_from_now()

    def end_of_troubles(self):
        self.the_trouble_ends()
        self.world.calm()

    def teardown(self):
        if not hasattr(self, "trouble"):
            return  # it never began
        self.the_trouble_ends()
        super().teardown()
        self.check_jobs()

    def check_jobs(self):
        assert not SyncJob.objects.filter(failure=SyncJob.Failure.BUG).exists()
