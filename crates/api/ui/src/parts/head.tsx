// The first row of a small table: what its rows are about, then the names of their figures.

export function TableHead({ of, figures }: { of: string; figures: string[] }) {
  return (
    <thead>
      <tr>
        <th scope="col">{of}</th>
        {figures.map((name) => (
          <th key={name} scope="col" class="n">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}
