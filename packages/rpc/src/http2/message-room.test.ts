import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "@quorate/testkit/property";
import { MessageRoom, type RoomUser } from "./message-room.ts";

class User implements RoomUser {
  admitted = false;
  onRoom(): void {
    assert.equal(this.admitted, false);
    this.admitted = true;
  }
}

test("room is given in order, never to more than there is room for, and never withheld from everyone", () => {
  const anyStep = fc.record({ leave: fc.boolean(), bytes: fc.integer({ min: 1, max: 150 }), pick: fc.nat() });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 100 }), (steps) => {
      const room = new MessageRoom(100);
      const users: { user: User; bytes: number }[] = [];
      for (const { leave, bytes, pick } of steps) {
        if (leave && users.length > 0) room.leave(users.splice(pick % users.length, 1)[0]!.user);
        else {
          const user = new User();
          user.admitted = room.enter(user, bytes);
          users.push({ user, bytes });
        }
        const inside = users.filter(({ user }) => user.admitted);
        const used = inside.reduce((sum, each) => sum + each.bytes, 0);
        assert.equal(room.usedBytes, used);
        assert.ok(used <= 100 || inside.length === 1);
        assert.ok(users.length === 0 || inside.length > 0);
        // Nobody has passed by one who waits.
        const firstWaiting = users.findIndex(({ user }) => !user.admitted);
        if (firstWaiting >= 0) assert.ok(users.slice(firstWaiting).every(({ user }) => !user.admitted));
      }
      for (const { user } of users) room.leave(user);
      assert.equal(room.usedBytes, 0);
    }),
  );
});
