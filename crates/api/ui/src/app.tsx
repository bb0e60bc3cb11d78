// Logged in or not; then the page.

import { useEffect, useState } from "preact/hooks";

import { getBrands, isLoggedOut, logIn, Trouble, whenLoggedOut } from "./api/client";
import type { Brand } from "./api/types";
import { Login } from "./parts/login";
import { Page } from "./page";
import { Loading, TroubleNote } from "./parts/states";

type Door =
  | { is: "opening" }
  | { is: "closed"; trouble: Trouble | null }
  | { is: "open"; brands: Brand[] }
  | { is: "away"; trouble: Trouble };

/** Who was logged in is told why that ended; who comes for the first time needs no reason. */
const closed = (trouble: Trouble): Door => ({
  is: "closed",
  trouble: trouble.code === "session_ended" ? trouble : null,
});

export function App({ token }: { token: string | null }) {
  const [door, setDoor] = useState<Door>({ is: "opening" });

  const open = async (given: string | null) => {
    try {
      if (given !== null) await logIn(given);
      setDoor({ is: "open", brands: await getBrands() });
    } catch (error) {
      const trouble = error instanceof Trouble ? error : new Trouble("page", String(error), "reload the page");
      if (isLoggedOut(trouble)) setDoor(closed(trouble));
      else if (given !== null) setDoor({ is: "closed", trouble });
      else setDoor({ is: "away", trouble });
    }
  };

  useEffect(() => {
    whenLoggedOut((trouble) => setDoor(closed(trouble)));
    void open(token);
  }, []);

  // A server that is away may come back: asked again until it answers.
  useEffect(() => {
    if (door.is !== "away") return;
    const timer = setTimeout(() => void open(null), 3_000);
    return () => clearTimeout(timer);
  }, [door]);

  switch (door.is) {
    case "opening":
      return (
        <main>
          <Loading />
        </main>
      );
    case "closed":
      return <Login trouble={door.trouble} onToken={(given) => void open(given)} />;
    case "away":
      return (
        <main>
          <TroubleNote trouble={door.trouble} />
        </main>
      );
    case "open":
      return <Page brands={door.brands} />;
  }
}
